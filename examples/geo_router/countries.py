"""Every country: its ISO 3166-1 alpha-2 code, its continent, and where its people live.

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


COUNTRIES = {
    "AD": Country("EU", 42.5, 1.5),  # Andorra
    "AE": Country("AS", 25.0, 55.2),  # United Arab Emirates
    "AF": Country("AS", 34.6, 67.9),  # Afghanistan
    "AG": Country("NA", 17.1, -61.8),  # Antigua and Barbuda
    "AI": Country("NA", 18.2, -63.1),  # Anguilla
    "AL": Country("EU", 41.1, 19.9),  # Albania
    "AM": Country("AS", 40.3, 44.6),  # Armenia
    "AO": Country("AF", -9.9, 14.3),  # Angola
    "AQ": Country("AN", -90.0, 0.0),  # Antarctica
    "AR": Country("SA", -32.8, -61.4),  # Argentina
    "AS": Country("OC", -14.3, -170.7),  # American Samoa
    "AT": Country("EU", 47.8, 15.0),  # Austria
    "AU": Country("OC", -33.6, 144.8),  # Australia
    "AW": Country("NA", 12.5, -70.0),  # Aruba
    "AX": Country("EU", 60.2, 20.0),  # Aland Islands
    "AZ": Country("AS", 40.4, 48.8),  # Azerbaijan
    "BA": Country("EU", 44.2, 17.9),  # Bosnia and Herzegovina
    "BB": Country("NA", 13.1, -59.6),  # Barbados
    "BD": Country("AS", 23.6, 90.4),  # Bangladesh
    "BE": Country("EU", 50.8, 4.4),  # Belgium
    "BF": Country("AF", 12.2, -2.1),  # Burkina Faso
    "BG": Country("EU", 42.7, 25.0),  # Bulgaria
    "BH": Country("AS", 26.2, 50.6),  # Bahrain
    "BI": Country("AF", -3.4, 29.5),  # Burundi
    "BJ": Country("AF", 7.7, 2.3),  # Benin
    "BL": Country("NA", 17.9, -62.8),  # Saint Barthelemy
    "BM": Country("NA", 32.3, -64.8),  # Bermuda
    "BN": Country("AS", 4.8, 114.8),  # Brunei
    "BO": Country("SA", -17.4, -65.7),  # Bolivia
    "BQ": Country("NA", 13.2, -67.3),  # Bonaire, Saint Eustatius and Saba
    "BR": Country("SA", -17.5, -45.8),  # Brazil
    "BS": Country("NA", 25.4, -77.6),  # Bahamas
    "BT": Country("AS", 27.3, 90.0),  # Bhutan
    "BV": Country("AN", -54.4, 3.4),  # Bouvet Island
    "BW": Country("AF", -23.3, 25.9),  # Botswana
    "BY": Country("EU", 53.6, 27.8),  # Belarus
    "BZ": Country("NA", 17.4, -88.5),  # Belize
    "CA": Country("NA", 48.7, -88.5),  # Canada
    "CC": Country("AS", -12.2, 96.8),  # Cocos Islands
    "CD": Country("AF", -4.7, 20.2),  # Democratic Republic of the Congo
    "CF": Country("AF", 5.0, 18.4),  # Central African Republic
    "CG": Country("AF", -3.9, 14.2),  # Republic of the Congo
    "CH": Country("EU", 47.1, 8.1),  # Switzerland
    "CI": Country("AF", 6.6, -5.2),  # Ivory Coast
    "CK": Country("OC", -21.2, -159.8),  # Cook Islands
    "CL": Country("SA", -33.8, -71.2),  # Chile
    "CM": Country("AF", 5.4, 11.2),  # Cameroon
    "CN": Country("AS", 32.2, 114.3),  # China
    "CO": Country("SA", 5.9, -74.9),  # Colombia
    "CR": Country("NA", 10.0, -84.2),  # Costa Rica
    "CU": Country("NA", 22.2, -80.3),  # Cuba
    "CV": Country("AF", 15.7, -23.9),  # Cabo Verde
    "CW": Country("NA", 12.1, -68.9),  # Curacao
    "CX": Country("OC", -10.4, 105.7),  # Christmas Island
    "CY": Country("EU", 35.0, 33.3),  # Cyprus
    "CZ": Country("EU", 49.8, 15.5),  # Czechia
    "DE": Country("EU", 51.1, 9.8),  # Germany
    "DJ": Country("AF", 11.6, 43.1),  # Djibouti
    "DK": Country("EU", 55.8, 11.2),  # Denmark
    "DM": Country("NA", 15.4, -61.4),  # Dominica
    "DO": Country("NA", 18.8, -70.1),  # Dominican Republic
    "DZ": Country("AF", 35.6, 3.5),  # Algeria
    "EC": Country("SA", -1.4, -79.3),  # Ecuador
    "EE": Country("EU", 59.2, 25.3),  # Estonia
    "EG": Country("AF", 29.8, 31.2),  # Egypt
    "EH": Country("AF", 25.8, -14.1),  # Western Sahara
    "ER": Country("AF", 15.2, 38.9),  # Eritrea
    "ES": Country("EU", 39.8, -3.1),  # Spain
    "ET": Country("AF", 9.3, 39.0),  # Ethiopia
    "FI": Country("EU", 61.4, 24.8),  # Finland
    "FJ": Country("OC", -17.8, 178.2),  # Fiji
    "FK": Country("SA", -51.7, -57.9),  # Falkland Islands
    "FM": Country("OC", 7.1, 154.3),  # Micronesia
    "FO": Country("EU", 62.0, -6.8),  # Faroe Islands
    "FR": Country("EU", 47.1, 2.8),  # France
    "GA": Country("AF", -0.2, 10.4),  # Gabon
    "GB": Country("EU", 52.6, -1.4),  # United Kingdom
    "GD": Country("NA", 12.1, -61.7),  # Grenada
    "GE": Country("AS", 41.9, 43.7),  # Georgia
    "GF": Country("SA", 5.0, -52.9),  # French Guiana
    "GG": Country("EU", 49.5, -2.5),  # Guernsey
    "GH": Country("AF", 6.4, -1.0),  # Ghana
    "GI": Country("EU", 36.1, -5.4),  # Gibraltar
    "GL": Country("NA", 65.8, -50.7),  # Greenland
    "GM": Country("AF", 13.4, -16.3),  # Gambia
    "GN": Country("AF", 9.8, -12.8),  # Guinea
    "GP": Country("NA", 16.2, -61.5),  # Guadeloupe
    "GQ": Country("AF", 2.5, 9.5),  # Equatorial Guinea
    "GR": Country("EU", 38.7, 23.3),  # Greece
    "GS": Country("AN", -54.3, -36.5),  # South Georgia and the South Sandwich Islands
    "GT": Country("NA", 14.8, -90.7),  # Guatemala
    "GU": Country("OC", 13.5, 144.8),  # Guam
    "GW": Country("AF", 11.9, -15.5),  # Guinea-Bissau
    "GY": Country("SA", 6.6, -58.1),  # Guyana
    "HK": Country("AS", 22.3, 114.2),  # Hong Kong
    "HM": Country("AN", -53.1, 73.5),  # Heard Island and McDonald Islands
    "HN": Country("NA", 14.9, -87.5),  # Honduras
    "HR": Country("EU", 45.2, 16.3),  # Croatia
    "HT": Country("NA", 18.8, -72.5),  # Haiti
    "HU": Country("EU", 47.4, 19.3),  # Hungary
    "ID": Country("AS", -4.8, 109.6),  # Indonesia
    "IE": Country("EU", 53.1, -7.0),  # Ireland
    "IL": Country("AS", 32.1, 35.0),  # Israel
    "IM": Country("EU", 54.2, -4.5),  # Isle of Man
    "IN": Country("AS", 21.0, 78.4),  # India
    "IO": Country("AS", -7.3, 72.4),  # British Indian Ocean Territory
    "IQ": Country("AS", 33.7, 44.8),  # Iraq
    "IR": Country("AS", 34.4, 51.6),  # Iran
    "IS": Country("EU", 64.3, -21.4),  # Iceland
    "IT": Country("EU", 43.0, 12.0),  # Italy
    "JE": Country("EU", 49.2, -2.1),  # Jersey
    "JM": Country("NA", 18.1, -77.0),  # Jamaica
    "JO": Country("AS", 32.0, 36.0),  # Jordan
    "JP": Country("AS", 35.6, 137.2),  # Japan
    "KE": Country("AF", -0.9, 36.8),  # Kenya
    "KG": Country("AS", 41.9, 73.9),  # Kyrgyzstan
    "KH": Country("AS", 11.8, 104.7),  # Cambodia
    "KI": Country("OC", 1.3, 174.9),  # Kiribati
    "KM": Country("AF", -12.0, 43.9),  # Comoros
    "KN": Country("NA", 17.3, -62.7),  # Saint Kitts and Nevis
    "KP": Country("AS", 39.5, 126.5),  # North Korea
    "KR": Country("AS", 36.6, 127.5),  # South Korea
    "KW": Country("AS", 29.2, 48.1),  # Kuwait
    "KY": Country("NA", 19.3, -81.2),  # Cayman Islands
    "KZ": Country("AS", 47.6, 70.1),  # Kazakhstan
    "LA": Country("AS", 18.0, 103.3),  # Laos
    "LB": Country("AS", 33.9, 35.5),  # Lebanon
    "LC": Country("NA", 13.9, -61.0),  # Saint Lucia
    "LI": Country("EU", 47.2, 9.5),  # Liechtenstein
    "LK": Country("AS", 7.3, 80.3),  # Sri Lanka
    "LR": Country("AF", 6.4, -10.4),  # Liberia
    "LS": Country("AF", -29.4, 27.7),  # Lesotho
    "LT": Country("EU", 55.1, 24.2),  # Lithuania
    "LU": Country("EU", 49.6, 6.1),  # Luxembourg
    "LV": Country("EU", 56.9, 24.2),  # Latvia
    "LY": Country("AF", 31.9, 15.5),  # Libya
    "MA": Country("AF", 33.4, -6.7),  # Morocco
    "MC": Country("EU", 43.7, 7.4),  # Monaco
    "MD": Country("EU", 47.1, 28.8),  # Moldova
    "ME": Country("EU", 42.5, 19.2),  # Montenegro
    "MF": Country("NA", 18.1, -63.1),  # Saint Martin
    "MG": Country("AF", -18.9, 47.5),  # Madagascar
    "MH": Country("OC", 7.5, 170.4),  # Marshall Islands
    "MK": Country("EU", 41.8, 21.5),  # North Macedonia
    "ML": Country("AF", 13.0, -7.1),  # Mali
    "MM": Country("AS", 18.7, 96.2),  # Myanmar
    "MN": Country("AS", 48.0, 105.4),  # Mongolia
    "MO": Country("AS", 22.2, 113.5),  # Macao
    "MP": Country("OC", 15.2, 145.7),  # Northern Mariana Islands
    "MQ": Country("NA", 14.6, -61.0),  # Martinique
    "MR": Country("AF", 17.8, -14.2),  # Mauritania
    "MS": Country("NA", 16.8, -62.2),  # Montserrat
    "MT": Country("EU", 35.9, 14.5),  # Malta
    "MU": Country("AF", -20.2, 57.6),  # Mauritius
    "MV": Country("AS", 3.6, 73.4),  # Maldives
    "MW": Country("AF", -14.3, 34.4),  # Malawi
    "MX": Country("NA", 21.3, -100.2),  # Mexico
    "MY": Country("AS", 3.5, 103.3),  # Malaysia
    "MZ": Country("AF", -20.0, 35.4),  # Mozambique
    "NA": Country("AF", -21.5, 17.1),  # Namibia
    "NC": Country("OC", -22.0, 166.3),  # New Caledonia
    "NE": Country("AF", 14.1, 5.1),  # Niger
    "NF": Country("OC", -29.1, 168.0),  # Norfolk Island
    "NG": Country("AF", 7.9, 6.0),  # Nigeria
    "NI": Country("NA", 12.4, -86.1),  # Nicaragua
    "NL": Country("EU", 52.1, 5.3),  # The Netherlands
    "NO": Country("EU", 60.8, 9.6),  # Norway
    "NP": Country("AS", 27.7, 84.7),  # Nepal
    "NR": Country("OC", -0.5, 166.9),  # Nauru
    "NU": Country("OC", -19.1, -169.9),  # Niue
    "NZ": Country("OC", -39.4, 174.4),  # New Zealand
    "OM": Country("AS", 23.3, 57.7),  # Oman
    "PA": Country("NA", 8.8, -80.1),  # Panama
    "PE": Country("SA", -11.1, -76.4),  # Peru
    "PF": Country("OC", -17.5, -149.5),  # French Polynesia
    "PG": Country("OC", -7.3, 147.2),  # Papua New Guinea
    "PH": Country("AS", 12.3, 122.4),  # Philippines
    "PK": Country("AS", 30.3, 71.4),  # Pakistan
    "PL": Country("EU", 51.7, 19.2),  # Poland
    "PM": Country("NA", 46.8, -56.2),  # Saint Pierre and Miquelon
    "PN": Country("OC", -25.1, -130.1),  # Pitcairn
    "PR": Country("NA", 18.3, -66.3),  # Puerto Rico
    "PS": Country("AS", 31.8, 34.9),  # Palestinian Territory
    "PT": Country("EU", 39.5, -9.3),  # Portugal
    "PW": Country("OC", 7.3, 134.5),  # Palau
    "PY": Country("SA", -25.3, -57.1),  # Paraguay
    "QA": Country("AS", 25.3, 51.5),  # Qatar
    "RE": Country("AF", -21.1, 55.5),  # Reunion
    "RO": Country("EU", 45.6, 25.3),  # Romania
    "RS": Country("EU", 44.6, 20.5),  # Serbia
    "RU": Country("EU", 56.8, 51.6),  # Russia
    "RW": Country("AF", -2.0, 29.8),  # Rwanda
    "SA": Country("AS", 23.8, 43.0),  # Saudi Arabia
    "SB": Country("OC", -9.3, 159.8),  # Solomon Islands
    "SC": Country("AF", -4.6, 55.5),  # Seychelles
    "SD": Country("AF", 14.7, 31.7),  # Sudan
    "SE": Country("EU", 58.9, 15.7),  # Sweden
    "SG": Country("AS", 1.3, 103.8),  # Singapore
    "SH": Country("AF", -17.7, -11.3),  # Saint Helena
    "SI": Country("EU", 46.2, 14.8),  # Slovenia
    "SJ": Country("EU", 78.2, 15.4),  # Svalbard and Jan Mayen
    "SK": Country("EU", 48.6, 18.8),  # Slovakia
    "SL": Country("AF", 8.3, -12.3),  # Sierra Leone
    "SM": Country("EU", 43.9, 12.5),  # San Marino
    "SN": Country("AF", 14.7, -16.6),  # Senegal
    "SO": Country("AF", 5.0, 45.0),  # Somalia
    "SR": Country("SA", 5.8, -55.2),  # Suriname
    "SS": Country("AF", 6.6, 29.9),  # South Sudan
    "ST": Country("AF", 0.3, 6.7),  # Sao Tome and Principe
    "SV": Country("NA", 13.7, -89.1),  # El Salvador
    "SX": Country("NA", 18.0, -63.1),  # Sint Maarten
    "SY": Country("AS", 35.1, 37.2),  # Syria
    "SZ": Country("AF", -26.5, 31.3),  # Eswatini
    "TC": Country("NA", 21.8, -72.1),  # Turks and Caicos Islands
    "TD": Country("AF", 11.6, 16.6),  # Chad
    "TF": Country("AN", -49.3, 70.2),  # French Southern Territories
    "TG": Country("AF", 6.8, 1.2),  # Togo
    "TH": Country("AS", 13.7, 100.7),  # Thailand
    "TJ": Country("AS", 39.1, 69.4),  # Tajikistan
    "TK": Country("OC", -8.9, -172.1),  # Tokelau
    "TL": Country("OC", -8.7, 125.6),  # Timor Leste
    "TM": Country("AS", 38.8, 59.4),  # Turkmenistan
    "TN": Country("AF", 35.8, 10.2),  # Tunisia
    "TO": Country("OC", -20.8, -175.0),  # Tonga
    "TR": Country("AS", 39.5, 32.3),  # Turkey
    "TT": Country("NA", 10.5, -61.4),  # Trinidad and Tobago
    "TV": Country("OC", -8.3, 179.0),  # Tuvalu
    "TW": Country("AS", 24.4, 121.1),  # Taiwan
    "TZ": Country("AF", -5.9, 36.1),  # Tanzania
    "UA": Country("EU", 48.9, 32.4),  # Ukraine
    "UG": Country("AF", 0.6, 32.2),  # Uganda
    "UM": Country("OC", 19.3, 166.6),  # United States Minor Outlying Islands
    "US": Country("NA", 39.0, -92.7),  # United States
    "UY": Country("SA", -34.0, -56.3),  # Uruguay
    "UZ": Country("AS", 40.7, 68.4),  # Uzbekistan
    "VA": Country("EU", 41.9, 12.5),  # Vatican
    "VC": Country("NA", 13.2, -61.2),  # Saint Vincent and the Grenadines
    "VE": Country("SA", 9.8, -67.8),  # Venezuela
    "VG": Country("NA", 18.4, -64.6),  # British Virgin Islands
    "VI": Country("NA", 18.0, -64.8),  # U.S. Virgin Islands
    "VN": Country("AS", 15.2, 106.5),  # Vietnam
    "VU": Country("OC", -17.0, 168.0),  # Vanuatu
    "WF": Country("OC", -13.4, -176.5),  # Wallis and Futuna
    "WS": Country("OC", -13.8, -171.9),  # Samoa
    "XK": Country("EU", 42.6, 20.9),  # Kosovo
    "YE": Country("AS", 14.4, 44.7),  # Yemen
    "YT": Country("AF", -12.8, 45.2),  # Mayotte
    "ZA": Country("AF", -28.4, 27.0),  # South Africa
    "ZM": Country("AF", -13.9, 28.4),  # Zambia
    "ZW": Country("AF", -18.6, 30.5),  # Zimbabwe
}
