"""Templates from a mapping and from a folder."""

import pytest

from flowkit.adapters.templates import DictTemplates, DirectoryTemplates
from flowkit.errors import ConfigurationError, DocumentError
from flowkit.ports import Templates
from flowkit.rendering.model import Template, TemplateError

WELCOME = Template("welcome", subject="Hello {{ firstName }}", html="<p>Grüße</p>\n", text="Grüße\n")


@pytest.fixture
def folder(tmp_path):
    """A folder of templates beside a file that is nobody's business."""
    (tmp_path / "secret.html").write_text("secret")
    folder = tmp_path / "templates"
    (folder / "onboarding").mkdir(parents=True)
    (folder / "welcome.subject.txt").write_text("Hello {{ firstName }}\n", encoding="utf-8")
    (folder / "welcome.html").write_text("<p>Grüße</p>\n", encoding="utf-8")
    (folder / "welcome.txt").write_text("Grüße\n", encoding="utf-8")
    (folder / "onboarding" / "first.txt").write_text("First")
    return folder


def test_a_mapping_gives_what_it_holds():
    given = {"welcome": WELCOME}
    templates: Templates = DictTemplates(given)
    given.clear()
    assert templates.template("welcome") is WELCOME
    assert templates.template("other") is None


def test_a_folder_gives_the_three_files_of_an_id(folder):
    templates: Templates = DirectoryTemplates(folder)
    assert templates.template("welcome") == WELCOME
    assert DirectoryTemplates(str(folder)).template("welcome") == WELCOME


def test_each_file_may_be_missing(folder):
    (folder / "a.html").write_text("A")
    (folder / "b.subject.txt").write_text("B\r\n")
    templates = DirectoryTemplates(folder)
    assert templates.template("a") == Template("a", html="A")
    assert templates.template("b") == Template("b", subject="B")
    assert templates.template("onboarding/first") == Template("onboarding/first", text="First")


@pytest.mark.parametrize(
    "template_id", ["other", "welcome.html", "onboarding", "welcome/first", "x" * 255, ".", "..", "a:b", "*"]
)
def test_what_is_not_there_is_none(folder, template_id):
    assert DirectoryTemplates(folder).template(template_id) is None


def test_files_are_read_when_they_are_asked_for(folder):
    templates = DirectoryTemplates(folder)
    (folder / "welcome.html").write_bytes(b"\xef\xbb\xbfnew")
    template = templates.template("welcome")
    assert template is not None
    assert template.html == "new"


@pytest.mark.parametrize("template_id", ["../secret", "onboarding/../../secret", "../templates/../secret", "../other"])
def test_an_id_that_leads_out_of_the_folder_is_refused(folder, template_id):
    with pytest.raises(DocumentError, match="out of the folder"):
        DirectoryTemplates(folder).template(template_id)


def test_an_absolute_id_is_refused(folder):
    with pytest.raises(DocumentError, match="out of the folder"):
        DirectoryTemplates(folder).template(str(folder.parent / "secret"))


def test_a_link_out_of_the_folder_is_refused(folder):
    (folder / "link.html").symlink_to(folder.parent / "secret.html")
    (folder / "inner.html").symlink_to(folder / "welcome.html")
    templates = DirectoryTemplates(folder)
    with pytest.raises(DocumentError, match="out of the folder"):
        templates.template("link")
    assert templates.template("inner") == Template("inner", html="<p>Grüße</p>\n")


@pytest.mark.parametrize("template_id", ["", "a\0b", "a\nb", "\ud800", "x" * 256, "a\u202eb"])
def test_what_is_no_id_is_refused(folder, template_id):
    with pytest.raises(DocumentError) as caught:
        DirectoryTemplates(folder).template(template_id)
    assert [problem.code for problem in caught.value.problems] == ["bad_id"]


def test_a_file_in_another_encoding_is_an_error_with_its_line(folder):
    (folder / "welcome.html").write_bytes("eins\nzwei\nGrüße".encode("latin-1"))
    with pytest.raises(TemplateError, match=r"welcome\.html") as caught:
        DirectoryTemplates(folder).template("welcome")
    assert (caught.value.code, caught.value.line) == ("not_utf8", 3)


def test_a_file_that_cannot_be_read_is_an_error(folder):
    (folder / "broken.html").mkdir()
    with pytest.raises(ConfigurationError, match=r"broken\.html cannot be read"):
        DirectoryTemplates(folder).template("broken")


def test_a_path_that_is_no_folder_is_refused_at_once(folder):
    with pytest.raises(ConfigurationError, match="not a folder"):
        DirectoryTemplates(folder / "nowhere")
