/** The place that a picture takes up in a message. */
export interface PictureBox {
  width: number;
  height: number;
  /** Whether the picture is large enough to carry the time without being hidden by it. */
  carriesTime: boolean;
}

const LARGEST = { width: 384, height: 320 };
/** What is narrower, flatter or tiny stands in the middle of a box that one can see and press. */
const SMALLEST = { width: 120, height: 80 };

/** Scales a picture down to what a message has room for, never up. */
export function pictureBox(width = 320, height = 240): PictureBox {
  const scale = Math.min(1, LARGEST.width / width, LARGEST.height / height);
  const shown = { width: Math.round(width * scale), height: Math.round(height * scale) };
  return {
    width: Math.max(shown.width, SMALLEST.width),
    height: Math.max(shown.height, SMALLEST.height),
    carriesTime: shown.width >= SMALLEST.width && shown.height >= SMALLEST.height,
  };
}
