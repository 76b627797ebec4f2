"""The questions of a section of docs/lake.md, asked of a lake by one engine: `lake_queries.py ENGINE LAKE PAGE SECTION`.

Prints a JSON object: for each question its columns, and its rows as texts and numbers.
"""

import datetime
import decimal
import json
import os
import re
import sys

ENGINE, LAKE, PAGE, SECTION = sys.argv[1:5]
TABLES = {
    "Asking": ("events", "scores", "intervals", "prices", "answers"),
    "Asking about time series": ("requests", "happened", "scores", "answers"),
    "Asking about prompts": ("rounds", "answers"),
}[SECTION]


def questions(page):
    """The statements that make views, and the questions by their number."""
    views, asked = [], {}
    section = re.search(rf"^## {SECTION}\n(.*?)(?=^## |\Z)", page, flags=re.M | re.S).group(1)
    for part in re.split(r"^### ", section, flags=re.M):
        number = re.match(r"(\d+)\.", part)
        for block in re.findall(r"^```sql\n(.*?)^```", part, flags=re.M | re.S):
            if number:
                asked[int(number.group(1))] = block.strip()
            else:
                plain = "\n".join(line for line in block.splitlines() if not line.startswith("--"))
                views += [statement.strip() for statement in plain.split(";") if statement.strip()]
    return views, asked


def plain(value):
    """The same for both engines: times in UTC, whole numbers as numbers."""
    if isinstance(value, datetime.datetime):
        if value.tzinfo is not None:
            value = value.astimezone(datetime.timezone.utc).replace(tzinfo=None)
        return value.isoformat()
    if isinstance(value, datetime.date):
        return value.isoformat()
    return float(value) if isinstance(value, decimal.Decimal) else value


def duckdb_engine():
    import duckdb

    lake = duckdb.connect()
    lake.sql("SET TimeZone = 'UTC'")
    for table in TABLES:
        files = f"{LAKE}/v1/{table}/**/*.parquet"
        lake.sql(f"CREATE VIEW {table} AS FROM read_parquet('{files}', hive_partitioning = true)")

    def ask(sql):
        found = lake.execute(sql)
        return [column[0] for column in found.description], found.fetchall()

    return ask, lambda: None


def spark_engine():
    import time

    import pyspark
    from pyspark.sql import SparkSession

    os.environ["TZ"] = "UTC"  # Spark's rows come in the time of this process.
    time.tzset()
    os.environ.setdefault("SPARK_HOME", os.path.dirname(pyspark.__file__))
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    settings = {
        "spark.ui.enabled": "false",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.shuffle.partitions": "2",
        "spark.sql.adaptive.enabled": "false",
    }
    builder = SparkSession.builder.master("local-cluster[2,1,1024]")
    for name, value in settings.items():
        builder = builder.config(name, value)
    spark = builder.getOrCreate()
    # The driver and two workers: on one alone this would show nothing.
    until = time.time() + 60
    while spark.sparkContext._jsc.sc().getExecutorMemoryStatus().size() < 3:
        assert time.time() < until, "the second worker did not come"
        time.sleep(0.2)
    for table in TABLES:
        spark.read.parquet(f"{LAKE}/v1/{table}").createOrReplaceTempView(table)

    def ask(sql):
        found = spark.sql(sql)
        return found.columns, [tuple(row) for row in found.collect()]

    return ask, spark.stop


with open(PAGE, encoding="utf-8") as file:
    VIEWS, ASKED = questions(file.read())
ask, stop = {"duckdb": duckdb_engine, "spark": spark_engine}[ENGINE]()
for view in VIEWS:
    ask(view)
answers = {}
for number, sql in ASKED.items():
    columns, rows = ask(sql)
    answers[number] = {"columns": columns, "rows": [[plain(value) for value in row] for row in rows]}
stop()
print(json.dumps(answers))
