"""Dashboards and alert rules speak of metrics that there are, with labels that they have."""
import json
import os
import re
import unittest

import yaml

from program import ProgramTest

MONITORING = os.path.join(os.environ["SOURCE_FOLDER"], "plugins/orchestrator-k8s/manifests/monitoring")
DASHBOARDS = os.path.join(MONITORING, "dashboards")
# Prometheus makes it itself, of every target.
OWN = {"up": set()}
TARGET = {"job", "instance", "namespace", "pod", "le"}
WORDS = {"by", "without", "ignoring", "on", "group_left", "group_right", "and", "or", "unless", "bool", "offset", "inf", "nan"}
TOKEN = re.compile(r'(?P<string>"(?:[^"\\]|\\.)*")|(?P<word>\$?[a-zA-Z_:][a-zA-Z0-9_:]*)|(?P<number>\d[\d.]*[smhdwy]?)|(?P<other>=~|!~|!=|==|>=|<=|[^\s])')


def tokens(promql):
    return [(match.lastgroup, match[0]) for match in TOKEN.finditer(promql)]


def names_and_labels(promql):
    """(metrics, labels): every metric that the expression names, each with the labels that it is selected by, and every label that it groups by."""
    metrics, grouped, words = [], set(), tokens(promql)
    at = 0
    while at < len(words):
        kind, text = words[at]
        following = words[at + 1][1] if at + 1 < len(words) else ""
        if kind != "word" or text.startswith("$"):
            at += 1
        elif text in ("by", "without", "ignoring", "on", "group_left", "group_right"):
            end = words.index(("other", ")"), at)
            grouped |= {label for kind, label in words[at + 2:end] if kind == "word"}
            at = end
        elif text in WORDS or following == "(" or following in ("by", "without"):
            at += 1
        else:
            labels = set()
            if following == "{":
                end = words.index(("other", "}"), at)
                inside = words[at + 2:end]
                labels = {label for (kind, label), (_, sign) in zip(inside, inside[1:]) if kind == "word" and sign in ("=", "!=", "=~", "!~")}
                at = end
            metrics.append((text, labels))
            at += 1
    return metrics, grouped


class Dashboards(ProgramTest):
    def setUp(self):
        super().setUp()
        self.known = dict(OWN)
        for family in self.json("metrics", "--names", "-o", "json"):
            for suffix in ("_bucket", "_sum", "_count") if family["type"] == "histogram" else ("",):
                self.known[family["name"] + suffix] = set(family["labels"])

    def faults(self, promql):
        metrics, grouped = names_and_labels(promql)
        found = [] if metrics else [f"names no metric: {promql}"]
        every = set(TARGET)
        for name, labels in metrics:
            if name not in self.known:
                found.append(f"there is no metric {name}")
                continue
            every |= self.known[name]
            found += [f"{name} has no label {label}" for label in labels - self.known[name] - TARGET]
        return found + [f"no metric there has the label {label}" for label in grouped - every]

    def boards(self):
        for name in sorted(os.listdir(DASHBOARDS)):
            with open(os.path.join(DASHBOARDS, name), encoding="utf-8") as file:
                yield name, json.load(file)

    def rules(self):
        with open(os.path.join(MONITORING, "alerts.yaml"), encoding="utf-8") as file:
            return yaml.safe_load(file)

    def test_what_is_wrong_is_found(self):
        self.assertEqual(self.faults('sum by (phase) (neonvm_vms{job="x"})'), [])
        self.assertEqual(self.faults("sum(neonvm_vmz)"), ["there is no metric neonvm_vmz"])
        self.assertEqual(self.faults('neonvm_vms{fase="Running"} > 0'), ["neonvm_vms has no label fase"])
        self.assertEqual(self.faults("sum by (fase) (neonvm_vms)"), ["no metric there has the label fase"])
        self.assertEqual(self.faults("rate(neonvm_scale_up_seconds[5m])"), ["there is no metric neonvm_scale_up_seconds"])
        self.assertEqual(self.faults("sum(rate(neonvm_scale_up_seconds_bucket[$__rate_interval])) by (le)"), [])
        self.assertEqual(self.faults("1 > 0"), ["names no metric: 1 > 0"])

    def test_dashboards_ask_for_what_there_is(self):
        uids = set()
        for name, board in self.boards():
            self.assertNotIn(board["uid"], uids)
            uids.add(board["uid"])
            self.assertEqual(len({panel["id"] for panel in board["panels"]}), len(board["panels"]), name)
            for panel in board["panels"]:
                for target in panel["targets"]:
                    with self.subTest(name, panel=panel["title"]):
                        self.assertEqual(self.faults(target["expr"]), [])
                        shown = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
                        metrics, _ = names_and_labels(target["expr"])
                        self.assertLessEqual(shown, set().union(*(self.known[metric] for metric, _ in metrics)))
            for variable in board["templating"]["list"]:
                if variable["type"] == "query":
                    metric, label = re.fullmatch(r"label_values\((\w+), (\w+)\)", variable["definition"]).groups()
                    self.assertIn(label, self.known[metric])
        self.assertEqual(len(uids), 3)

    def test_rules_are_about_what_there_is_and_say_what_to_do(self):
        names = set()
        for group in self.rules()["groups"]:
            for rule in group["rules"]:
                with self.subTest(rule["alert"]):
                    self.assertNotIn(rule["alert"], names)
                    names.add(rule["alert"])
                    self.assertEqual(self.faults(rule["expr"]), [])
                    self.assertIn(rule["labels"]["severity"], ("critical", "warning", "info"))
                    metrics, _ = names_and_labels(rule["expr"])
                    told = set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"] + rule["annotations"]["description"]))
                    self.assertLessEqual(told, TARGET.union(*(self.known[metric] for metric, _ in metrics)))
        self.assertGreater(len(names), 10)

    def test_the_operator_is_given_the_same_rules_and_every_dashboard(self):
        with open(os.path.join(MONITORING, "prometheus-rule.yaml"), encoding="utf-8") as file:
            self.assertEqual(yaml.safe_load(file)["spec"], self.rules())
        with open(os.path.join(MONITORING, "kustomization.yaml"), encoding="utf-8") as file:
            files = yaml.safe_load(file)["configMapGenerator"][0]["files"]
        self.assertEqual(sorted(files), [f"dashboards/{name}" for name, _ in self.boards()])


if __name__ == "__main__":
    unittest.main()
