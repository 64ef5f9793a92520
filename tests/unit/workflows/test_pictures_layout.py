"""The layout: nothing overlaps, no line crosses a box, what leads on lies below, and it is always the same."""

from itertools import combinations, pairwise, permutations
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowkit.workflows.pictures.layers import assign_layers, longest_span
from flowkit.workflows.pictures.layout import lay_out
from flowkit.workflows.pictures.net import Link, Net, Size, weave
from flowkit.workflows.pictures.order import crossings, reduce_crossings


@st.composite
def graphs(draw):
    """Boxes of many sizes, and any links between them: loops, islands, several ways out and in."""
    count = draw(st.integers(1, 12))
    sizes = draw(st.lists(st.builds(Size, st.integers(20, 300), st.integers(20, 120)), min_size=count, max_size=count))
    boxes = st.integers(0, count - 1)
    pairs = draw(st.lists(st.tuples(boxes, boxes), max_size=20, unique=True))
    labels = st.none() | st.builds(Size, st.integers(10, 200), st.integers(10, 70))
    return sizes, [Link(*pair, draw(labels)) for pair in pairs]


def layers_of(sizes, links):
    return assign_layers(len(sizes), [(link.source, link.target) for link in links])


def placed(sizes, links):
    return lay_out(sizes, links, layers_of(sizes, links))


def sides(spot):
    return spot.x, spot.y, spot.x + spot.width, spot.y + spot.height


def around(middle, size):
    x, y = middle
    return x - size.width / 2, y - size.height / 2, x + size.width / 2, y + size.height / 2


def apart(one, other):
    return one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]


def points(route):
    """Points along a line, close to each other; cubic curves by the formula of Bernstein."""
    at = route.start
    yield at
    for piece in route.pieces:
        controls = [at, *piece] if len(piece) == 3 else [at, at, piece[0], piece[0]]
        for step in range(1, 17):
            t = step / 16
            weights = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3)
            yield tuple(sum(w * p[axis] for w, p in zip(weights, controls, strict=True)) for axis in (0, 1))
        at = piece[-1]


@given(graphs())
def test_no_two_boxes_or_labels_overlap(graph):
    sizes, links = graph
    layout = placed(sizes, links)
    labels = [
        around(route.label, link.label)
        for link, route in zip(links, layout.routes, strict=True)
        if link.label is not None
    ]
    taken = [*(sides(spot) for spot in layout.spots), *labels]
    assert all(apart(one, other) for one, other in combinations(taken, 2))
    lefts, tops, rights, bottoms = zip(*taken, strict=True)
    assert min(*lefts, *tops) >= 0
    assert max(rights) <= layout.width
    assert max(bottoms) <= layout.height


@given(graphs())
def test_boxes_keep_their_sizes_and_a_distance(graph):
    sizes, links = graph
    spots = placed(sizes, links).spots
    assert [(spot.width, spot.height) for spot in spots] == [(size.width, size.height) for size in sizes]
    for one, other in combinations(spots, 2):
        left, top, right, bottom = sides(one)
        assert apart((left - 19, top - 19, right + 19, bottom + 19), sides(other))


@given(graphs())
def test_each_line_leads_from_its_source_to_its_target_and_through_no_box(graph):
    sizes, links = graph
    layout = placed(sizes, links)
    assert len(layout.routes) == len(links)
    for link, route in zip(links, layout.routes, strict=True):
        left, top, right, bottom = sides(layout.spots[link.source])
        end = route.pieces[-1][-1]
        if link.source == link.target:
            assert route.start[0] == end[0] == right
            assert top < route.start[1] < end[1] < bottom
        else:
            assert route.start == ((left + right) / 2, bottom)
            target = layout.spots[link.target]
            assert end == (target.x + target.width / 2, target.y)
        for x, y in points(route):
            assert 0 <= x <= layout.width
            assert 0 <= y <= layout.height
            for spot in layout.spots:
                assert not (
                    spot.x + 0.5 < x < spot.x + spot.width - 0.5 and spot.y + 0.5 < y < spot.y + spot.height - 0.5
                )


@given(graphs())
def test_lines_come_in_from_above(graph):
    sizes, links = graph
    for link, route in zip(links, placed(sizes, links).routes, strict=True):
        before = (
            route.pieces[-1][-2] if len(route.pieces[-1]) == 3 else [route.start, *(p[-1] for p in route.pieces)][-2]
        )
        x, y = route.pieces[-1][-1]
        if link.source != link.target:
            assert before[0] == x
            assert before[1] < y


@given(graphs())
def test_the_same_graph_lies_the_same_way(graph):
    assert placed(*graph) == placed(*graph)


@given(graphs())
def test_only_loops_lead_up(graph):
    sizes, links = graph
    layers = layers_of(sizes, links)
    pairs = {(link.source, link.target) for link in links if link.source != link.target}
    assert all(layers[source] != layers[target] for source, target in pairs)
    for source, target in pairs:
        if layers[target] < layers[source]:
            assert leads(pairs, target, source)


def leads(pairs, start, goal):
    reached, before = {start}, None
    while reached != before:
        before = set(reached)
        reached |= {target for source, target in pairs if source in reached}
    return goal in reached


def test_a_chain_goes_straight_down():
    layout = placed([Size(100, 40), Size(60, 40), Size(200, 40)], [Link(0, 1), Link(1, 2, Size(40, 20))])
    assert len({spot.x + spot.width / 2 for spot in layout.spots}) == 1
    assert all(len(piece) == 1 for route in layout.routes for piece in route.pieces)


def test_a_fork_is_symmetric():
    layout = placed([Size(100, 40)] * 3, [Link(0, 1), Link(0, 2)])
    top, left, right = (spot.x for spot in layout.spots)
    assert left < right
    assert left + right == 2 * top


def test_what_nothing_leads_to_lies_just_above_what_it_leads_to():
    assert assign_layers(5, [(0, 1), (1, 2), (2, 3), (4, 3)]) == [0, 1, 2, 3, 2]


def test_two_lines_that_would_cross_are_untangled():
    sizes, links = [Size(10, 10)] * 5, [Link(0, 1), Link(0, 2), Link(1, 4), Link(2, 3)]
    net = weave(sizes, links, [0, 1, 1, 2, 2])
    net.ranks[2][:] = [3, 4]
    assert crossings(net) == 1
    reduce_crossings(net)
    assert crossings(net) == 0


@given(graphs())
def test_crossings_are_counted_as_by_hand(graph):
    net = weave(*graph, layers_of(*graph))
    place = {vertex: index for rank in net.ranks for index, vertex in enumerate(rank)}
    found = 0
    for rank in net.ranks:
        lines = [(upper, lower) for upper in rank for lower in net.below[upper]]
        found += sum((place[a] - place[c]) * (place[b] - place[d]) < 0 for (a, b), (c, d) in combinations(lines, 2))
    assert crossings(net) == found


@given(graphs())
def test_no_order_is_made_worse(graph):
    net = weave(*graph, layers_of(*graph))
    before = crossings(net)
    reduce_crossings(net)
    assert crossings(net) <= before
    assert sorted(vertex for rank in net.ranks for vertex in rank) == list(range(len(net.rank_of)))


def test_small_nets_come_near_the_best_order():
    random = Random(5)
    worse = 0
    for _ in range(20):
        pairs = sorted({(random.randrange(4), 4 + random.randrange(4)) for _ in range(7)})
        net = weave([Size(10, 10)] * 8, [Link(*pair) for pair in pairs], [0] * 4 + [1] * 4)
        reduce_crossings(net)
        worse += crossings(net) - fewest(net)
    assert worse <= 4


def fewest(net: Net) -> int:
    counts = []
    for upper in permutations(net.ranks[0]):
        for lower in permutations(net.ranks[1]):
            net.ranks[:] = [list(upper), list(lower)]
            counts.append(crossings(net))
    return min(counts)


@pytest.mark.parametrize(("room", "span"), [(0, 1), (1, 2), (2, 2), (3, 3), (4, 4), (100, 4)])
def test_lines_reach_as_far_as_there_is_room(room, span):
    layers = list(range(5))
    # Both lines to 4 run together: 3 bends in all; the one from 0 to 2 has one of its own.
    pairs = [*pairwise(range(5)), (0, 2), (0, 4), (1, 4)]
    assert longest_span(layers, pairs, bends=room, pieces=100) == span


@pytest.mark.parametrize(("room", "span"), [(0, 1), (5, 1), (6, 2), (9, 3), (12, 3), (13, 4)])
def test_lines_are_drawn_as_long_as_there_is_room(room, span):
    # 4 lines over one layer, and one each over 2, 3 and 4.
    pairs = [*pairwise(range(5)), (0, 2), (0, 4), (1, 4)]
    assert longest_span(list(range(5)), pairs, bends=100, pieces=room) == span


def test_lines_to_the_same_target_run_together():
    layout = placed([Size(50, 20)] * 6, [*(Link(*pair) for pair in pairwise(range(6))), Link(0, 5), Link(1, 5)])
    long, longer = layout.routes[-1], layout.routes[-2]
    assert long.pieces[-2:] == longer.pieces[-2:]


def test_a_loop_stays_beside_what_it_goes_round():
    wide = [Size(50, 20)] * 4 + [Size(300, 20)] * 4
    fork = [Link(3, box) for box in range(4, 8)]
    layout = placed(wide, [Link(0, 1), Link(1, 2), Link(2, 1, Size(30, 20)), Link(2, 3), *fork])
    box = layout.spots[1]
    assert max(x for x, _ in points(layout.routes[2])) < box.x + box.width + 60
