"""A video for Chromium's fake camera: two scenes in turn, with movement and noise."""

from __future__ import annotations

from pathlib import Path

import numpy as np

WIDTH, HEIGHT, FRAMES_PER_SECOND = 320, 240, 10
# The scene that a video element shows: 0 is red, 1 is blue.
SCENE = """(video) => {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 1;
  const context = canvas.getContext("2d");
  context.drawImage(video, 0, 0, 1, 1);
  const [red, , blue] = context.getImageData(0, 0, 1, 1).data;
  return red > blue ? 0 : 1;
}"""


def chromium_arguments(video: Path) -> list[str]:
    """Command-line arguments that replace the camera by a video, without a prompt."""
    return [
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-video-capture={video}",
    ]


def write_video(path: Path, seconds: float) -> None:
    """Write a video of two scenes of so many seconds: a pale disc on red, and stripes on blue."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    with path.open("wb") as file:
        file.write(f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F{FRAMES_PER_SECOND}:1 Ip A1:1 C420\n".encode())
        for scene in (0, 1):
            for _ in range(round(seconds * FRAMES_PER_SECOND)):
                move = rng.integers(-8, 9)
                disc = np.hypot(x - WIDTH // 2 - move, y - HEIGHT // 2) < HEIGHT // 3
                light = np.where((x + move) // 20 % 2, 220, 40) if scene else np.where(disc, 200, 60)
                colors = [np.full((HEIGHT // 2, WIDTH // 2), value) for value in ((190, 90) if scene else (90, 190))]
                file.write(b"FRAME\n")
                for plane in (light + rng.normal(0, 5, light.shape), *colors):
                    file.write(np.clip(plane, 0, 255).astype(np.uint8).tobytes())
