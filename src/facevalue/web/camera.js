// The camera: its live picture in a video element.

export class Camera {
  // lost: called when the camera goes away by itself.
  constructor(video, lost) {
    this.video = video;
    this.lost = lost;
    this.stream = null;
    this.wanted = 0;
  }

  // Ask for the camera and show it. False where it was stopped meanwhile. Throws an Error whose message is for people.
  async start() {
    const asked = ++this.wanted;
    if (navigator.mediaDevices === undefined) {
      throw new Error("A browser lets a page use the camera only at https addresses or on the machine itself.");
    }
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({
        video: { facingMode: "environment", width: { ideal: 1280 }, height: { ideal: 960 } },
      });
    } catch (error) {
      if (asked !== this.wanted) return false;
      throw new Error(reasonOf(error));
    }
    if (asked !== this.wanted) {
      stream.getTracks().forEach((track) => track.stop());
      return false;
    }
    this.stream = stream;
    stream.getVideoTracks()[0].addEventListener("ended", () => { // unplugged, or not allowed any more
      if (this.stream !== stream) return;
      this.stop();
      this.lost();
    });
    this.video.srcObject = stream;
    try {
      await this.video.play();
    } catch (error) {
      if (asked !== this.wanted) return false;
      this.stop();
      throw new Error(reasonOf(error));
    }
    return asked === this.wanted;
  }

  stop() {
    this.wanted += 1;
    this.stream?.getTracks().forEach((track) => track.stop());
    this.stream = null;
    this.video.srcObject = null;
  }
}

function reasonOf(error) {
  if (error.name === "NotAllowedError") return "The camera was not allowed. The browser's settings for this page can change that.";
  if (error.name === "NotFoundError") return "No camera was found.";
  if (error.name === "NotReadableError") return "The camera is used by another program.";
  return `The camera can't be used (${error.message}).`;
}
