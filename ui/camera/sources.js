// Sources of images: the browser's camera, recorded frames, a drawing pad, and files; each gives square JPEGs.

const EDGE = 256;
const QUALITY = 0.85;
const MOST_FILE_BYTES = 50e6;
// Edge of the copy that shows whether a picture changes.
const PROBE = 16;
const FROZEN_MS = 5000;
const BLACK = 6;
// Milliseconds from a recorded frame to the next; the picture moves smoothly between them.
const FRAME_MS = 200;

const PROBLEMS = {
  insecure:
    "This address does not allow cameras. Open the app as http://localhost or over https, or use recorded frames.",
  NotAllowedError: "The browser may not use the camera. Allow it in the address bar, then start again, or use recorded frames.",
  NotFoundError: "No camera was found. Connect one, or use recorded frames.",
  NotReadableError: "Another program or tab uses the camera. Close it, then start again.",
  ended: "The camera has stopped. Connect it again, then start it.",
  black: "The camera's picture is black. Open its cover or switch on a light.",
  frozen: "The camera's picture has not changed for 5 seconds. If this is unexpected, start it again.",
};

function problemOf(error) {
  return PROBLEMS[error.name] ?? `The camera could not be started (${error.name}). Use recorded frames.`;
}

function square(width = EDGE) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = width;
  return canvas;
}

const scratch = square();
const probe = square(PROBE);

// The centre of a picture as the data URI of a JPEG.
function encoded(picture, width, height) {
  const edge = Math.min(width, height);
  const context = scratch.getContext("2d");
  context.fillStyle = "#fff";
  context.fillRect(0, 0, EDGE, EDGE);
  context.drawImage(picture, (width - edge) / 2, (height - edge) / 2, edge, edge, 0, 0, EDGE, EDGE);
  return scratch.toDataURL("image/jpeg", QUALITY);
}

class Camera {
  constructor(video, report) {
    Object.assign(this, { video, report, stream: null, changedAt: 0, last: "" });
  }

  async start() {
    if (!navigator.mediaDevices?.getUserMedia) {
      this.report(PROBLEMS.insecure);
      return;
    }
    try {
      const constraints = { width: { ideal: 640 }, height: { ideal: 480 }, facingMode: "environment" };
      const stream = await navigator.mediaDevices.getUserMedia({ video: constraints, audio: false });
      // Streamlit may have removed the page meanwhile.
      if (!this.video.isConnected) return void stream.getTracks().forEach((track) => track.stop());
      this.stop();
      this.stream = stream;
      for (const track of stream.getVideoTracks()) {
        track.onended = () => {
          this.stop();
          this.report(PROBLEMS.ended);
        };
      }
      this.video.srcObject = stream;
      await this.video.play();
      this.changedAt = performance.now();
      this.report("");
    } catch (error) {
      this.stop();
      this.report(problemOf(error));
    }
  }

  stop() {
    this.stream?.getTracks().forEach((track) => {
      track.onended = null;
      track.stop();
    });
    this.stream = null;
    this.video.srcObject = null;
  }

  get running() {
    return this.stream !== null && this.video.videoWidth > 0;
  }

  // The current frame; reports a black or frozen picture.
  frame() {
    const { videoWidth: width, videoHeight: height } = this.video;
    const image = encoded(this.video, width, height);
    const context = probe.getContext("2d", { willReadFrequently: true });
    context.drawImage(scratch, 0, 0, PROBE, PROBE);
    const pixels = context.getImageData(0, 0, PROBE, PROBE).data;
    let brightest = 0;
    for (let i = 0; i < pixels.length; i += 4) brightest = Math.max(brightest, pixels[i], pixels[i + 1], pixels[i + 2]);
    const now = performance.now();
    const text = pixels.join();
    if (text !== this.last) this.changedAt = now;
    this.last = text;
    this.report(brightest < BLACK ? PROBLEMS.black : now - this.changedAt > FROZEN_MS ? PROBLEMS.frozen : "");
    return image;
  }
}

// Frames of an object in a photograph, as a moving camera would show them.
class Recording {
  constructor(canvas) {
    Object.assign(this, { canvas, photograph: new Image(), path: null });
    canvas.width = canvas.height = EDGE;
    this.context = canvas.getContext("2d");
  }

  play(photograph, path) {
    this.photograph.src = photograph;
    this.path = path;
  }

  get running() {
    return this.path !== null && this.photograph.complete;
  }

  // The frame of this moment: a square around x, y of a width, turned by an angle, with a brightness.
  draw() {
    if (!this.running) return;
    const { context, photograph, path } = this;
    const now = performance.now() / FRAME_MS;
    const [before, after] = [0, 1].map((step) => path[Math.floor(now + step) % path.length]);
    const [x, y, width, angle, brightness] = before.map((value, i) => value + (now % 1) * (after[i] - value));
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.globalCompositeOperation = "source-over";
    context.globalAlpha = 1;
    context.fillStyle = "#000";
    context.fillRect(0, 0, EDGE, EDGE);
    context.translate(EDGE / 2, EDGE / 2);
    context.rotate((-angle * Math.PI) / 180);
    context.scale(EDGE / width, EDGE / width);
    context.translate(-x, -y);
    // Added to black: once with the brightness as opacity, and with the rest above 1.
    context.globalCompositeOperation = "lighter";
    for (const opacity of [Math.min(brightness, 1), brightness - 1]) {
      if (opacity <= 0) continue;
      context.globalAlpha = opacity;
      context.drawImage(photograph, 0, 0);
    }
  }

  frame() {
    this.draw();
    return encoded(this.canvas, EDGE, EDGE);
  }
}

// White strokes on black, as in MNIST.
class Pad {
  constructor(canvas) {
    Object.assign(this, { canvas, changed: false, empty: true, last: null });
    canvas.width = canvas.height = EDGE;
    this.context = canvas.getContext("2d");
    Object.assign(this.context, { lineCap: "round", lineJoin: "round", lineWidth: EDGE / 12, strokeStyle: "#fff" });
    this.clear();
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      this.last = this.place(event);
      this.line(event);
    });
    canvas.addEventListener("pointermove", (event) => this.last && this.line(event));
    for (const type of ["pointerup", "pointercancel"]) canvas.addEventListener(type, () => (this.last = null));
  }

  place(event) {
    const box = this.canvas.getBoundingClientRect();
    return [((event.clientX - box.left) / box.width) * EDGE, ((event.clientY - box.top) / box.height) * EDGE];
  }

  line(event) {
    const next = this.place(event);
    this.context.beginPath();
    this.context.moveTo(...this.last);
    this.context.lineTo(...next);
    this.context.stroke();
    this.last = next;
    this.changed = true;
    this.empty = false;
  }

  clear() {
    this.context.fillStyle = "#000";
    this.context.fillRect(0, 0, EDGE, EDGE);
    this.empty = true;
    this.changed = false;
  }

  frame() {
    this.changed = false;
    return encoded(this.canvas, EDGE, EDGE);
  }
}

// An image file as a square JPEG; an error has a sentence as its message.
async function fileImage(file) {
  if (file.size > MOST_FILE_BYTES) throw new Error(`${file.name} has more than 50 MB. Choose a smaller image.`);
  let bitmap;
  try {
    bitmap = await createImageBitmap(file);
  } catch {
    throw new Error(`${file.name} is not an image that this browser can read. Choose a JPEG or PNG file.`);
  }
  const image = encoded(bitmap, bitmap.width, bitmap.height);
  bitmap.close();
  return image;
}
