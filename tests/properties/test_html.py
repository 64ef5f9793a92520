"""The scanner finds what html5lib's tokenizer finds, which follows the standard to the letter."""

from html5lib._tokenizer import HTMLTokenizer
from html5lib.constants import tokenTypes
from hypothesis import given
from hypothesis import strategies as st

from flowkit.rendering.html.scanner import scan
from flowkit.rendering.html.tokens import EndTag, StartTag, Text

# Without references, which html5lib reads and the scanner leaves, and without conditional comments, which are ours.
HOSTILE = st.lists(
    st.sampled_from([
        "<", ">", "/", "!", "?", "=", '"', "'", "-", "--", "-->", "--!>", "<!--", "<!-->", "<!x>", "<p", "<a href=",
        "</a>", "</", "<script>", "</script>", "</script", "<style>", "</STYLE >", "<title>", "</title>", "<textarea",
        "</textarea/>", "<plaintext>", " ", "\n", "a", "b", "on", "x=", "<br/>", "<xmp>", "</xmp>", "<iframe>",
        "<![endif]-->", "<P CLASS", "é",
    ]),
    max_size=20,
).map("".join)  # fmt: skip

KINDS = {number: name for name, number in tokenTypes.items()}
ESCAPABLE = {"textarea", "title"}
RAW = {"iframe", "noembed", "noframes", "style", "xmp"}


def merged(tokens):
    """Texts that touch are one, and what is none is gone."""
    found = []
    for token in tokens:
        if token[0] == "text" and found and found[-1][0] == "text":
            found[-1] = ("text", found[-1][1] + token[1])
        elif token[1:] != ("",):
            found.append(token)
    return found


def by_the_standard(source):
    tokenizer = HTMLTokenizer(source)
    for token in tokenizer:
        match KINDS[token["type"]]:
            case "Characters" | "SpaceCharacters":
                yield "text", token["data"]
            case "StartTag" | "EmptyTag":
                name = token["name"]
                yield "start", name, dict(token["data"])
                if name in ESCAPABLE:
                    tokenizer.state = tokenizer.rcdataState
                elif name in RAW:
                    tokenizer.state = tokenizer.rawtextState
                elif name == "script":
                    tokenizer.state = tokenizer.scriptDataState
                elif name == "plaintext":
                    tokenizer.state = tokenizer.plaintextState
            case "EndTag":
                yield "end", token["name"]
            case "Comment" | "Doctype":
                yield ("comment",)


def by_ours(source):
    for token in scan(source):
        match token:
            case Text():
                yield "text", source[token.start : token.end]
            case StartTag():
                values = {
                    one.name: source[one.value_start : one.value_end] if one.value_start >= 0 else ""
                    for one in reversed(token.attributes)  # of two of one name the first counts
                }
                yield "start", token.name, values
            case EndTag():
                yield "end", token.name
            case _ if source[token.start : token.end] != "</>":  # which is nothing at all
                yield ("comment",)
            case _:
                pass


@given(HOSTILE)
def test_it_reads_html_as_the_standard_says(source):
    assert merged(by_ours(source)) == merged(by_the_standard(source))
