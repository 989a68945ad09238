"""Runs statements on a SQLite file: a line of JSON in, {sql, params}; a line of JSON out, {rows} or {error}."""

import json
import sqlite3
import sys

connection = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=10)
connection.row_factory = sqlite3.Row

for line in sys.stdin:
    request = json.loads(line)
    try:
        rows = [dict(row) for row in connection.execute(request["sql"], request["params"])]
        answer = {"rows": rows}
    except sqlite3.Error as error:
        answer = {"error": str(error)}
    print(json.dumps(answer), flush=True)
