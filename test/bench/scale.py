#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs bench_scale for 100, 1,000 and 10,000 waiting pods and shows what the cluster's DNS sees.

    test/bench/scale.py [--program FILE] [--denial S] [--within S] [--published S] [--svg FILE]
"""

import argparse
import json
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
COUNTS = (100, 1000, 10000)
COLOURS = ("#2166ac", "#e08214", "#1b7837")


def plot(results, file):
    width, height, left, bottom = 640, 300, 50, 260
    longest = max(len(result["questions"]) for result in results)
    highest = max(max(r["questions"]) / r["pods"] for r in results)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        'font-family="sans-serif" font-size="12">',
        '<rect width="100%" height="100%" fill="white"/>',
        f'<text x="{left}" y="18">Questions per pod and second, over time (s)</text>',
        f'<text x="4" y="40">{highest:.1f}</text><text x="20" y="{bottom}">0</text>',
        f'<text x="{width - 40}" y="{bottom + 16}">{longest}</text>',
        f'<path d="M{left} 30V{bottom}H{width - 10}" fill="none" stroke="black"/>',
    ]
    for number, (result, colour) in enumerate(zip(results, COLOURS)):
        points = " ".join(
            f"{left + second * (width - left - 10) / longest:.1f},"
            f"{bottom - count / result['pods'] / highest * (bottom - 34):.1f}"
            for second, count in enumerate(result["questions"])
        )
        lines.append(f'<polyline points="{points}" fill="none" stroke="{colour}"/>')
        lines.append(
            f'<text x="{left + 10 + 120 * number}" y="{height - 8}" fill="{colour}">'
            f"{result['pods']} pods</text>"
        )
    Path(file).write_text("\n".join([*lines, "</svg>"]) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", default=str(ROOT / "build/gcc/test/bench_scale"))
    parser.add_argument("--denial", default="30")
    parser.add_argument("--within", default="30")
    parser.add_argument("--published", default="60")
    parser.add_argument("--svg")
    arguments = parser.parse_args()
    results = []
    print("seconds from publication to detection, and questions to the DNS")
    print(f"{'pods':>7}{'median':>8}{'p99':>7}{'max':>7}{'most q/s':>10}{'late q/s/pod':>14}"
          f"{'KiB/pod':>9}{'CPU/pod':>10}")  # fmt: skip
    for count in COUNTS:
        done = subprocess.run(
            [arguments.program, str(count), arguments.denial, arguments.within,
             arguments.published],
            check=True, capture_output=True,
        )  # fmt: skip
        result = json.loads(done.stdout)
        results.append(result)
        print(
            f"{count:7}{result['median']:8.2f}{result['p99']:7.2f}{result['max']:7.2f}"
            f"{result['most_questions_per_second']:10}"
            f"{result['late_questions_per_pod_and_second']:14.2f}{result['kib_per_pod']:9.1f}"
            f"{result['cpu_share_per_pod'] * 100:9.5f}%"
        )
    if arguments.svg:
        plot(results, arguments.svg)


if __name__ == "__main__":
    main()
