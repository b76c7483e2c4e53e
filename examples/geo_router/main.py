"""A router in front of two origins, one in Europe and one in America.

Europe's visitors go to the European origin, those of the United States to the American one, everybody
else to the nearer of the two by great-circle distance. Whoever could be anywhere goes to Europe, whose
law is the one that asks where data goes. Bodies stream both ways.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from math import asin, cos, radians, sin, sqrt
from typing import Any, Literal

from countries import COUNTRIES
from edgekit import App, Env, FetchError, Headers, HTTPError, Request, Response, fetch

logger = logging.getLogger(__name__)

Side = Literal["europe", "america"]
Place = tuple[float, float]  # degrees of latitude and longitude; north and east are positive

EARTH = 6371.0  # kilometres, the mean radius
# What visitors may claim of where they come from. Origins get what edgekit believes instead.
CLAIMS = ("cf-", "forwarded", "x-forwarded-", "x-real-ip")


class AppEnv(Env):
    EUROPE_ORIGIN: str  # a URL, after which the visitor's path and query are put
    EUROPE_LATITUDE: float
    EUROPE_LONGITUDE: float
    AMERICA_ORIGIN: str
    AMERICA_LATITUDE: float
    AMERICA_LONGITUDE: float


app = App(AppEnv)


@app.fallback
async def route(request: Request, env: AppEnv) -> Response:
    europe = (env.EUROPE_LATITUDE, env.EUROPE_LONGITUDE)
    america = (env.AMERICA_LATITUDE, env.AMERICA_LONGITUDE)
    side = choose(request.cf or {}, europe, america)
    origin = env.EUROPE_ORIGIN if side == "europe" else env.AMERICA_ORIGIN
    scheme, _, host, path = request.url.split("/", 3)
    url = f"{origin.rstrip('/')}/{path}"
    headers = believed(request, scheme.removesuffix(":"), host)
    try:
        # Redirects are the visitor's to follow, and compressed bodies the visitor's to decode.
        passed_on = Request(url, request, headers=headers, redirect="manual")
        response = await fetch(passed_on, encode_response_body="manual")
    except FetchError as error:
        logger.warning("%s", error)
        raise HTTPError(502, f"The origin in {side.title()} does not answer.\n") from error
    response.headers.set("x-origin", side)
    return response


def choose(cf: Mapping[str, Any], europe: Place, america: Place) -> Side:
    """Whose visitor it is, by what `request.cf` tells and where the two origins are."""
    code = cf.get("country", "")
    country = COUNTRIES.get(code)  # not there: unknown (XX), or a Tor exit (T1)
    if code == "US":
        return "america"
    if (country.continent if country else cf.get("continent")) == "EU":
        return "europe"
    place = position(cf)
    if place is None and country is not None:
        place = (country.latitude, country.longitude)
    if place is None:
        return "europe"
    return "america" if distance(place, america) < distance(place, europe) else "europe"


def position(cf: Mapping[str, Any]) -> Place | None:
    """The visitor's own place, where `request.cf` tells it: strings of degrees."""
    try:
        place = float(cf["latitude"]), float(cf["longitude"])
    except (KeyError, ValueError):
        return None
    return place if abs(place[0]) <= 90 and abs(place[1]) <= 180 else None


def distance(a: Place, b: Place) -> float:
    """Kilometres along the great circle, by the haversine formula."""
    latitude_a, latitude_b = radians(a[0]), radians(b[0])
    across = sin(radians(b[1] - a[1]) / 2)
    along = sin((latitude_b - latitude_a) / 2)
    half = along * along + cos(latitude_a) * cos(latitude_b) * across * across
    return 2 * EARTH * asin(min(1.0, sqrt(half)))  # rounding may lead beyond 1


def believed(request: Request, scheme: str, host: str) -> Headers:
    """The request's headers, with what edgekit knows of the visitor in place of what they claim."""
    headers = Headers(request.headers)
    for name in request.headers:
        if name.startswith(CLAIMS):
            headers.delete(name)
    headers.setdefault("accept-encoding", "identity")  # or fetch would ask for what it can decode
    if request.client is not None:
        headers.set("x-forwarded-for", request.client[0])
    headers.set("x-forwarded-proto", scheme)
    headers.set("x-forwarded-host", host)
    if request.cf is not None and "country" in request.cf:
        headers.set("cf-ipcountry", request.cf["country"])
    return headers
