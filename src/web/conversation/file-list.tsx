import { Download } from 'lucide-react';
import { sizeInWords } from '../state/wording.ts';
import { FileIcon } from './file-icon.tsx';
import type { ShownFile } from './shown-file.ts';

/** Files of a message that are downloaded. */
export function FileList({ files }: { files: readonly ShownFile[] }) {
  return (
    <ul className="flex flex-col gap-1 p-1">
      {files.map((file) => (
        <li key={file.key}>
          {typeof file.source === 'string' ? (
            <a
              href={file.source}
              download={file.name}
              aria-label={`Download ${file.name}`}
              title={file.name}
              className="group/file flex rounded-xl items-center bg-(--code) hover:outline hover:outline-line-strong"
            >
              <FileFacts file={file} />
              <Download
                size={17}
                aria-hidden
                className="mr-3.5 shrink-0 text-ink-faint group-hover/file:text-ink"
              />
            </a>
          ) : (
            <div className="flex rounded-xl bg-(--code)">
              <FileFacts file={file} />
            </div>
          )}
        </li>
      ))}
    </ul>
  );
}

function FileFacts({ file: { name, size } }: { file: ShownFile }) {
  return (
    <span className="flex min-w-0 flex-1 items-center gap-3 p-2.5">
      <FileIcon name={name} size={24} />
      <span className="min-w-0">
        <span className="block truncate text-sm font-medium">{name}</span>
        <span className="block text-xs text-ink-soft">{sizeInWords(size)}</span>
      </span>
    </span>
  );
}
