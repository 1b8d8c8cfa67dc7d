import type { Attachment } from '../../protocol/types.ts';
import { asProblem, ProblemError, UnreachableError } from '../client/errors.ts';
import type { UploadFile } from '../client/uploader.ts';

/** Without any byte leaving or coming for so long an upload counts as unanswered. */
const SILENCE_MS = 60_000;

/** By XMLHttpRequest, because `fetch` does not tell how much has left already. */
export const uploadFile: UploadFile = (file, { onProgress, signal }) =>
  new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open('POST', '/api/attachments');
    request.responseType = 'json';
    let silence: ReturnType<typeof setTimeout>;
    const heard = () => {
      clearTimeout(silence);
      silence = setTimeout(() => request.abort(), SILENCE_MS);
    };
    request.upload.onprogress = ({ loaded }) => {
      heard();
      onProgress(Math.min(loaded, file.content.size));
    };
    request.onload = () => settle(request, resolve, reject);
    request.onerror = () => reject(new UnreachableError('The server cannot be reached.'));
    request.onabort = () => reject(new UnreachableError('The upload was given up.'));
    request.onloadend = () => {
      clearTimeout(silence);
      signal.removeEventListener('abort', abort);
    };
    const abort = () => request.abort();
    signal.addEventListener('abort', abort);
    heard();
    const form = new FormData();
    const type = file.type || 'application/octet-stream';
    form.append('file', new Blob([file.content], { type }), file.name);
    request.send(form);
  });

function settle(
  request: XMLHttpRequest,
  resolve: (attachmentId: string) => void,
  reject: (error: Error) => void,
): void {
  const answer: unknown = request.response;
  const problem = asProblem(answer);
  if (request.status === 201) resolve((answer as Attachment)._id);
  else if (problem) reject(new ProblemError(problem));
  else if (request.status === 413) reject(tooLargeForProxy());
  else reject(new UnreachableError(`The server answered ${request.status}.`));
}

/** What stands in front of the server has a limit of its own, and words of its own. */
const tooLargeForProxy = () => {
  const detail = 'The file is larger than the way to the server allows.';
  return new ProblemError({
    ...{ type: 'about:blank', title: 'Too large', status: 413, code: 'too_large' },
    ...{ detail, message: detail, error: detail, requestId: '' },
  });
};
