from benchmarks.peers.table import Entry, Outcome, ratio_lines, table_lines

MUSTER = Entry("muster", "openvino", "embedded")
ON_SERVER = Entry("muster", "openvino", "server")
RAY = Entry("ray", "openvino", "server")
ALONE = Entry("insightface", "onnxruntime", "none")
OUTCOMES = [
    Outcome(MUSTER, 2_000, 20.0, 2_000),
    Outcome(ON_SERVER, 2_000, 25.0, 2_000),
    Outcome(RAY, 2_000, 50.0, 1_990),
    Outcome(ALONE, 2_000, 200.0, 1_800),
    Outcome(MUSTER, 2_000, 40.0, 2_000),
    Outcome(MUSTER, 2_000, 16.0, 2_000),
    Outcome(RAY, 2_000, 40.0, 2_000),
]


def test_each_has_a_line_with_its_median():
    assert list(table_lines(OUTCOMES)) == [
        "             engine       store     photos/s   least    most  stored",
        "muster       openvino     embedded     100.0    50.0   125.0  2,000",
        "muster       openvino     server        80.0    80.0    80.0  2,000",
        "ray          openvino     server        45.0    40.0    50.0  1,990 or 2,000",
        "insightface  onnxruntime  none          10.0    10.0    10.0  1,800",
    ]


def test_the_first_is_compared_on_the_same_engine_and_store():
    default = "muster, openvino / insightface, onnxruntime: 10.00"
    assert list(ratio_lines(OUTCOMES, "muster")) == ["muster / ray, openvino: 1.78", default]
    elsewhere = [each for each in OUTCOMES if each.entry != ON_SERVER]
    assert list(ratio_lines(elsewhere, "muster")) == ["muster / ray, openvino: 2.22", default]
