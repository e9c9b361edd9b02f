# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
notes:
  - An option that is empty (null, or text of nothing but blanks) is not given, as in an empty cell of a table. The next
    place is then asked, the variable, the environment, the default. Only an empty description is one, namely none.
    Blanks and line ends around other texts than titles and descriptions are dropped.
  - The keyword C(environment) of a play, block or task is honoured for E(TENBYTE_API_KEY) and the other variables whose
    name begins with C(TENBYTE_), for E(XDG_DATA_HOME), E(PGPASSWORD) and the other variables of libpq, and for those
    that name proxies and certificates. Other names (C(HOME), C(PATH)) have no effect on the controller.
  - Lookups do not see that keyword. Where the ledger is named in it, name it to
    P(tenbyte.webinar.stream_key#lookup) too.
  - Gathering facts puts the environment of a host, and the credentials in it, among its facts. Set
    C(gather_facts=false) where a fact cache is configured. The actions warn where it has happened.
options:
  api_url:
    description:
      - Base URL of the webinar API.
      - Plain C(http) is refused unless the host is a loopback address or O(allow_http=true).
      - Default is C(https://api.tenbyte.io/v1/webinar).
      - The environment variables E(HTTPS_PROXY), E(HTTP_PROXY), E(ALL_PROXY) and E(NO_PROXY) are honoured, but never
        for a loopback address. A redirect is never followed, C(.netrc) is not read, and cookies are not kept.
      - If not given, the variable C(tenbyte_api_url) or the environment variable E(TENBYTE_API_URL) is used.
    type: str
  api_key:
    description:
      - API key of the account that owns the rooms, sent as the header C(X-API-Key).
      - Exactly one of O(api_key) and O(api_token) is needed.
      - If neither is given, the variable C(tenbyte_api_key) or the environment variable E(TENBYTE_API_KEY) is used.
    type: str
  api_token:
    description:
      - Bearer token of the account that owns the rooms.
      - Exactly one of O(api_key) and O(api_token) is needed.
      - If neither is given, the variable C(tenbyte_api_token) or the environment variable E(TENBYTE_API_TOKEN) is
        used.
    type: str
  allow_http:
    description:
      - Whether O(api_url) may be plain C(http) to a host that is not this machine.
      - The credential and the stream keys are then readable on the network.
      - The variable C(tenbyte_allow_http) or the environment variable E(TENBYTE_ALLOW_HTTP) may set it too. Default
        is V(false).
    type: bool
  validate_certs:
    description:
      - Whether the certificate of the service is checked. No environment variable of a library changes what is given
        here.
      - The variable C(tenbyte_validate_certs) or the environment variable E(TENBYTE_VALIDATE_CERTS) may set it too.
        Default is V(true).
    type: bool
  ca_path:
    description:
      - File with the certificates of the authorities to trust, in PEM.
      - The variable C(tenbyte_ca_path) or the environment variable E(TENBYTE_CA_PATH) may set it too.
      - Without it, the authorities that the Python library C(requests) trusts are used, and its environment variable
        E(REQUESTS_CA_BUNDLE), or else E(CURL_CA_BUNDLE), is honoured. With it, they are not.
    type: path
  timeout:
    description:
      - Seconds that one request may take, from the lookup of the host's name to the end of its answer, from 1 to 600.
    type: float
    default: 30.0
  retries:
    description:
      - How often a request is sent again after a failure that may pass, from 0 to 100.
      - A request that creates something is sent again only when it is certain that it had no effect.
    type: int
    default: 5
  concurrency:
    description:
      - How many requests may be under way at once, from 1 to 100.
    type: int
    default: 16
"""
