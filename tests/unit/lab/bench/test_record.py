"""Figures are kept with date and commit, and the README's table is made of them alone."""

from include.lab.bench import record

MACHINE = {
    "at": "2026-11-28T22:00:00+00:00",
    "cpu": "Chip",
    "cores": 2,
    "python": "3.11.7",
    "airflow": "3.3.2",
}


def test_the_table_has_the_newest_value_of_each_figure(tmp_path):
    """Whatever was measured when; what misses its goal is bold."""
    file = tmp_path / "figures.json"
    first = {"machine": MACHINE, "latency": {"p50": 0.9, "p95": 0.7}}
    later = {
        "machine": {**MACHINE, "at": "2026-11-29T22:00:00+00:00"},
        "latency": {"p50": 0.4},
        "ingest": {"acknowledged_per_second": 100},
    }

    record.add(first, commit="aaa", file=file)
    record.add(later, commit="bbb", file=file)

    shown = record.table(record.read(file)).splitlines()
    assert "2 cores (Chip), Python 3.11, Airflow 3.3.2" in shown[0]
    assert shown[4:] == [
        "| webhook sent → row processed, p50 | 400 ms | 500 ms | 2026-11-29, bbb |",
        "| the same, p95 | 700 ms | 750 ms | 2026-11-28, aaa |",
        "| webhooks acknowledged, 64 connections | **100 /s** | at least 500 /s | 2026-11-29, bbb |",
    ]


def test_a_table_written_by_hand_is_found(tmp_path, capsys):
    """What stands around the table stays; only the command writes it."""
    file, readme = tmp_path / "figures.json", tmp_path / "README.md"
    record.add({"machine": MACHINE, "latency": {"p50": 0.9}}, commit="aaa", file=file)
    readme.write_text(f"before\n{record.BEGIN}| by hand |\n{record.END}\nafter")

    assert record.main(["--check"], file=file, readme=readme) == 1
    assert "python -m include.lab.bench.record" in capsys.readouterr().err
    assert record.main([], file=file, readme=readme) == 0
    assert record.main(["--check"], file=file, readme=readme) == 0
    text = readme.read_text()
    assert text.startswith("before\n")
    assert text.endswith("\nafter")
    assert "**900 ms**" in text
    assert "by hand" not in text
