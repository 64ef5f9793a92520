"""What safety costs: rendering a message, against plain Jinja2 with the same template, escaped by hand.

    python tests/benchmarks/templates.py [seconds]

Prints the median ratio of CPU times over interleaved rounds, and how memory grows over 10,000 distinct profiles.
"""

import gc
import statistics
import sys
import time
import tracemalloc

import jinja2

from flowkit.rendering.engine import compile_template, context
from flowkit.rendering.model import Template

HTML = """<!doctype html><html lang="en"><head><title>{{ subject_line%(e)s }}</title></head><body>
<h1>Hello {{ firstName%(d)s%(e)s }}</h1>
<p>{{ company%(e)s }} in {{ location.city%(e)s }}:
{{ totalPurchases%(e)s }} purchases of {{ favoriteCategory%(e)s }}.</p>
{%% if plan == 'vip' %%}<p>Thank you, {{ firstName%(e)s }}.</p>
{%% else %%}<p>Join us, {{ lastName%(e)s }}.</p>{%% endif %%}
<table>{%% for product in products %%}
<tr><td><a href="{{ product.url%(e)s }}">{{ product.name%(e)s }}</a></td>
<td>{{ product.price%(e)s }}</td>
<td>{{ loop.index }} of {{ loop.length }}</td></tr>{%% endfor %%}</table>
<p><a href="https://shop.example/stop?u={{ email | urlencode%(e)s }}">Stop</a> {{ email%(e)s }}</p></body></html>"""
OURS = HTML % {"e": "", "d": " | default('there')"}
PLAIN = HTML % {"e": " | e", "d": " | default('there', true)"}
PROFILES = 10_000


def profile(number):
    return {
        "subject_line": f"News & more {number}",
        "firstName": f"Ann {number}",
        "lastName": "O'Neil",
        "email": f"ann{number}@example.com",
        "company": "Smith & Sons",
        "location": {"city": "Köln"},
        "totalPurchases": number,
        "favoriteCategory": "maps <and> globes",
        "plan": "vip" if number % 2 else "free",
        "products": [
            {"name": f"Globe {item}", "price": 10.5 * item, "url": f"https://shop.example/p/{item}?a=1&b=2"}
            for item in range(1, 5)
        ],
    }


def renderers():
    """Ours and the plain one, from the same profiles to the same text."""
    compiled = compile_template(Template("t", html=OURS))
    plain = jinja2.Environment(autoescape=False).from_string(PLAIN)  # noqa: S701 - escaped by hand, as it is compared

    def ours(attributes):
        return compiled.render(context(attributes, None)).html

    def theirs(attributes):
        return plain.render({**attributes, "user": attributes})

    return ours, theirs


def spent(render, profiles):
    begun = time.process_time()
    for one in profiles:
        render(one)
    return time.process_time() - begun


def ratio(rounds=40, size=100):
    """Give the median of our time as a multiple of the plain one's."""
    ours, theirs = renderers()
    profiles = [profile(number) for number in range(size)]
    assert all(ours(one) == theirs(one) for one in profiles)
    gc.disable()
    try:
        return statistics.median(spent(ours, profiles) / spent(theirs, profiles) for _ in range(rounds))
    finally:
        gc.enable()


def growth(profiles=PROFILES):
    """Give the octets that are still held after rendering for so many distinct profiles."""
    ours, _ = renderers()
    for number in range(200):
        ours(profile(number))
    gc.collect()
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    for number in range(profiles):
        ours(profile(number))
    gc.collect()
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return after - before


if __name__ == "__main__":
    print(f"ratio {ratio():.3f}")
    if "--memory" in sys.argv:
        print(f"growth {growth()}")
