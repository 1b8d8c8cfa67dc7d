import { describe, expect, it } from 'vitest';
import { pictureBox } from '../../src/web/conversation/picture-box.ts';

describe('the place of a picture', () => {
  it('keeps the shape of a usual picture, and lets it carry the time', () => {
    expect(pictureBox(640, 400)).toEqual({ width: 384, height: 240, carriesTime: true });
    expect(pictureBox(1_200, 1_600)).toEqual({ width: 240, height: 320, carriesTime: true });
  });

  it('is never too small to be seen; what does not fill it leaves the time to its bubble', () => {
    expect(pictureBox(8, 8)).toEqual({ width: 120, height: 80, carriesTime: false });
    expect(pictureBox(2_000, 50)).toEqual({ width: 384, height: 80, carriesTime: false });
    expect(pictureBox(50, 2_000)).toEqual({ width: 120, height: 320, carriesTime: false });
  });
});
