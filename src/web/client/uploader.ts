/**
 * Uploads the files of messages that wait to be sent, one file at a time, so that they do not
 * share a slow line. What fails by itself is tried again; what the server refuses is not.
 */
import { Emitter } from './emitter.ts';
import { askedDelay, explain, isRetryable } from './errors.ts';

/** A file on its way with a message. */
export interface OutgoingFile {
  /** Unique in its message. */
  key: string;
  name: string;
  /** Media type; "" where nothing is known. */
  type: string;
  content: Blob;
  /** Pixels, of pictures that can be shown. */
  width?: number;
  height?: number;
  /** Once it is uploaded. */
  attachmentId?: string;
}

/** Uploads a file; resolves with the attachment's id. */
export type UploadFile = (
  file: OutgoingFile,
  options: { onProgress: (bytes: number) => void; signal: AbortSignal },
) => Promise<string>;

/** A file that is to be uploaded, and its message. */
export interface UploadTask {
  clientId: string;
  file: OutgoingFile;
}

const LONGEST_PAUSE = 15_000;

export class Uploader {
  readonly progressed = new Emitter();
  readonly #upload: UploadFile;
  readonly #next: () => UploadTask | undefined;
  readonly #onUploaded: (task: UploadTask, attachmentId: string) => void;
  readonly #onRefused: (task: UploadTask, reason: string) => void;
  readonly #firstPause: number;
  #running = false;
  #current: { task: UploadTask; sent: number; abort: AbortController } | undefined;
  #failures = 0;
  #again: ReturnType<typeof setTimeout> | undefined;

  constructor(options: {
    upload: UploadFile;
    /** What to upload next, if anything. */
    next: () => UploadTask | undefined;
    onUploaded: (task: UploadTask, attachmentId: string) => void;
    /** It will not be tried again; why, in words. */
    onRefused: (task: UploadTask, reason: string) => void;
    /** Milliseconds before the first repetition; doubled each time. */
    firstPause?: number;
  }) {
    this.#upload = options.upload;
    this.#next = options.next;
    this.#onUploaded = options.onUploaded;
    this.#onRefused = options.onRefused;
    this.#firstPause = options.firstPause ?? 800;
  }

  /** The connection is there, or there is something new: goes on now. */
  wake(): void {
    this.#running = true;
    this.#failures = 0;
    void this.#run();
  }

  /** The connection is away: begins nothing more. */
  pause(): void {
    this.#running = false;
    clearTimeout(this.#again);
  }

  /** Ends the upload of a message's file that is under way. */
  cancel(clientId: string): void {
    if (this.#current?.task.clientId === clientId) this.#current.abort.abort();
  }

  /** Bytes of the file under way that have left, where it is one of this message. */
  sentOf(clientId: string): number {
    return this.#current?.task.clientId === clientId ? this.#current.sent : 0;
  }

  async #run(): Promise<void> {
    clearTimeout(this.#again);
    while (this.#running && !this.#current) {
      const task = this.#next();
      if (!task) return;
      const pause = await this.#try(task);
      if (pause === undefined) continue;
      if (this.#running) this.#again = setTimeout(() => void this.#run(), pause);
      return;
    }
  }

  /** Milliseconds to wait before the next try; undefined: go on. */
  async #try(task: UploadTask): Promise<number | undefined> {
    const abort = new AbortController();
    const current = { task, sent: 0, abort };
    this.#current = current;
    const onProgress = (bytes: number) => {
      current.sent = bytes;
      this.progressed.emit();
    };
    try {
      const id = await this.#upload(task.file, { onProgress, signal: abort.signal });
      this.#failures = 0;
      this.#onUploaded(task, id);
      return undefined;
    } catch (error) {
      if (abort.signal.aborted) return undefined;
      if (!isRetryable(error)) {
        this.#onRefused(task, explain(error));
        return undefined;
      }
      if (!(await isReadable(task.file.content))) {
        this.#onRefused(
          task,
          `“${task.file.name}” can no longer be read: it was changed or moved.`,
        );
        return undefined;
      }
      const growing = Math.min(LONGEST_PAUSE, this.#firstPause * 2 ** this.#failures);
      this.#failures += 1;
      return Math.max(askedDelay(error), growing * (0.75 + Math.random() / 2));
    } finally {
      this.#current = undefined;
      this.progressed.emit();
    }
  }
}

/** A file on the disk may be another one, or gone, since it was chosen. */
const isReadable = (content: Blob): Promise<boolean> =>
  content
    .slice(0, 1)
    .arrayBuffer()
    .then(
      () => true,
      () => false,
    );
