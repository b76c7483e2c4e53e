from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from pathlib import Path

import aiohttp
import pytest

from edgekit import FetchError, Response
from edgekit.testing import TestClient
from tests.serving import served

EXAMPLE = Path(__file__).parents[2] / "examples" / "geo_router"
FRANKFURT, ASHBURN = (50.1, 8.7), (39.0, -77.5)
PARIS, SYDNEY = (48.8566, 2.3522), (-33.8688, 151.2093)
NEW_YORK, TOKYO = (40.7128, -74.006), (35.6762, 139.6503)


@pytest.fixture
def main(load):
    return load("geo_router")


# Where to -----------------------------------------------------------------------------------------------


def choose(main, europe=FRANKFURT, america=ASHBURN, **cf):
    return main.choose(cf, europe, america)


@pytest.mark.parametrize("code", ["FR", "GB", "UA", "IS", "MT", "CY", "FO", "AX", "GI", "SJ", "XK"])
def test_europe_goes_to_the_european_origin_however_far_it_is(main, code):
    assert choose(main, europe=SYDNEY, country=code) == "europe"


def test_united_states_go_to_the_american_origin_however_far_it_is(main):
    assert choose(main, america=SYDNEY, country="US") == "america"


@pytest.mark.parametrize(
    ("code", "side"),
    [
        # Across the Atlantic: Canada, Greenland, and the islands of both sides.
        *(
            (code, "america")
            for code in ("CA", "MX", "BR", "GL", "BM", "PR", "GP", "PM", "FK", "NZ")
        ),
        *(
            (code, "europe")
            for code in ("TR", "MA", "NG", "ZA", "IN", "JP", "RE", "SH", "MU", "SC")
        ),
    ],
)
def test_all_others_go_to_the_nearer_origin(main, code, side):
    assert choose(main, country=code) == side
    other = "america" if side == "europe" else "europe"
    assert choose(main, europe=ASHBURN, america=FRANKFURT, country=code) == other


def test_visitors_own_place_goes_before_that_of_the_country(main):
    # Kiribati, at the date line, is nearer to America, and Tokyo to Europe.
    assert choose(main, country="KI") == "america"
    assert choose(main, country="KI", latitude="35.7", longitude="139.7") == "europe"
    assert choose(main, country="FR", latitude="40.7", longitude="-74.0") == "europe"


@pytest.mark.parametrize("place", [("north", "1"), ("nan", "1"), ("1", "inf"), ("91", "0"), ("1",)])
def test_place_that_is_none_does_not_count(main, place):
    cf = dict(zip(("latitude", "longitude"), place, strict=False))
    assert choose(main, country="CA", **cf) == "america"


@pytest.mark.parametrize("code", ["XX", "T1", "", "fr", None])
def test_unknown_visitors_go_to_europe_unless_their_place_is_known(main, code):
    cf = {} if code is None else {"country": code}
    assert choose(main, **cf) == "europe"
    assert choose(main, **cf, latitude="40.7", longitude="-74.0") == "america"
    assert choose(main, **cf, latitude="40.7", longitude="-74.0", continent="EU") == "europe"


@pytest.mark.parametrize(
    ("a", "b", "kilometres"),
    [(PARIS, NEW_YORK, 5837), (SYDNEY, TOKYO, 7824), (PARIS, PARIS, 0), ((0, 0), (0, 180), 20015)],
)
def test_distances_are_those_of_the_great_circle(main, a, b, kilometres):
    assert main.distance(a, b) == pytest.approx(kilometres, rel=0.001)
    assert main.distance(b, a) == main.distance(a, b)


def test_distance_leads_over_the_date_line(main):
    assert main.distance((0, 179), (0, -179)) == pytest.approx(222.4, rel=0.001)


def test_table_has_every_country_once(main):
    countries = main.COUNTRIES
    assert len(countries) == 250  # the 249 of ISO 3166-1, and Kosovo
    for code, country in countries.items():
        assert len(code) == 2
        assert code.isalpha()
        assert code.isupper()
        assert country.continent in {"AF", "AN", "AS", "EU", "NA", "OC", "SA"}
        assert -90 <= country.latitude <= 90
        assert -180 <= country.longitude <= 180


# And how ------------------------------------------------------------------------------------------------


@pytest.fixture
def sent(main, monkeypatch):
    """The requests that left for an origin, each of which is answered with `sent.answer`."""

    class Sent(list):
        answer = Response("hello", status=302, headers={"location": "/next"})

    async def fetch(request, *, encode_response_body):
        assert encode_response_body == "manual"
        sent.append(request)
        if isinstance(sent.answer, Exception):
            raise sent.answer
        return sent.answer

    sent = Sent()
    monkeypatch.setattr(main, "fetch", fetch)
    return sent


@pytest.fixture
async def client(main, sent):
    # TestClient's own address; see wrangler.jsonc.
    async with TestClient(main.app) as client:
        yield client


async def test_request_goes_on_as_it_is(client, sent):
    headers = {"cf-ipcountry": "CA", "x-own": "1", "content-type": "text/x"}
    response = await client.fetch(
        "/a%20b//c?x=%2f&y", method="PROPFIND", body="hi", headers=headers
    )
    [request] = sent
    assert request.url == "http://127.0.0.1:8792/a%20b//c?x=%2f&y"
    assert request.method == "PROPFIND"
    assert request.headers["x-own"] == "1"
    assert request.headers["content-type"] == "text/x"
    assert await request.text() == "hi"
    assert request.redirect == "manual"
    assert response.status == 302
    assert response.headers["location"] == "/next"
    assert response.headers["x-origin"] == "america"
    assert await response.text() == "hello"


async def test_origin_may_have_a_path(main, sent):
    async with TestClient(main.app, env={"EUROPE_ORIGIN": "https://eu.example/shop/"}) as client:
        await client.get("/?a")
    assert sent[0].url == "https://eu.example/shop/?a"


async def test_origin_hears_what_is_believed_of_the_visitor_and_no_claims(client, sent):
    await client.get(
        "http://shop.example/",
        headers={
            "cf-connecting-ip": "203.0.113.7",
            "cf-ipcountry": "BR",
            "forwarded": "for=192.0.2.1",
            "x-forwarded-port": "1",
            "x-real-ip": "192.0.2.1",
        },
    )
    told = {name: value for name, value in sent[0].headers.items() if name != "host"}
    assert told == {
        "accept-encoding": "identity",
        "cf-ipcountry": "BR",
        "x-forwarded-for": "203.0.113.7",
        "x-forwarded-host": "shop.example",
        "x-forwarded-proto": "http",
    }


async def test_origin_that_does_not_answer_is_a_502(client, sent):
    sent.answer = FetchError("no connection", url="http://127.0.0.1:8791/")
    response = await client.get("/")
    assert response.status == 502
    assert await response.text() == "The origin in Europe does not answer.\n"


# With real servers ----------------------------------------------------------------------------------------


@pytest.fixture
def origins():
    """The two local origins: their URLs, as the configuration calls them."""
    command = [sys.executable, "origins.py", "0", "0"]
    with subprocess.Popen(command, cwd=EXAMPLE, stdout=subprocess.PIPE, text=True) as process:
        said = [process.stdout.readline().split() for _ in range(2)]
        yield {f"{name.upper().rstrip(':')}_ORIGIN": url for name, url in said}
        process.send_signal(signal.SIGINT)
    assert process.returncode == 0


async def test_bodies_stream_both_ways_through_real_servers(origins):
    assert set(origins) == {"EUROPE_ORIGIN", "AMERICA_ORIGIN"}
    asked = asyncio.Queue()
    with served("main:app", EXAMPLE, **origins) as place:
        async with aiohttp.ClientSession(f"http://{place}") as session:
            for country, side in (("FR", "europe"), ("US", "america"), ("CA", "america")):
                async with session.get("/a?b", headers={"cf-ipcountry": country}) as answer:
                    assert answer.headers["x-origin"] == side
                    assert await answer.content.readline() == f"{side}: GET /a?b\n".encode()

            async def body():
                while chunk := await asked.get():
                    yield chunk

            await asked.put(b"one\n")
            async with session.post("/", data=body()) as answer:
                while await answer.content.readline() != b"one\n":
                    pass
                await asked.put(b"two\n")  # only now, so nothing holds bodies back
                assert await answer.content.readline() == b"two\n"
                await asked.put(b"")
                assert await answer.content.read() == b""
