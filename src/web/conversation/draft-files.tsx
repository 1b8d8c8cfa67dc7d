import { X } from 'lucide-react';
import type { OutgoingFile } from '../client/uploader.ts';
import { sizeInWords } from '../state/wording.ts';
import { useObjectUrl } from '../ui/use-object-url.ts';
import { FileIcon } from './file-icon.tsx';

export interface DraftFilesProps {
  files: readonly OutgoingFile[];
  onRemove: (key: string) => void;
}

/** The files that go out with the next message. */
export function DraftFiles({ files, onRemove }: DraftFilesProps) {
  return (
    <ul
      aria-label="Files to be sent"
      className="flex max-h-60 flex-wrap gap-3 overflow-y-auto p-3 pb-1"
    >
      {files.map((file) => (
        <li key={file.key} className="relative max-w-full">
          {file.width === undefined ? <DraftFile file={file} /> : <DraftPicture file={file} />}
          <button
            type="button"
            aria-label={`Remove ${file.name}`}
            title="Remove"
            className="absolute -top-2 -right-2 grid size-7 place-items-center rounded-full bg-ink text-panel shadow-card"
            onClick={() => onRemove(file.key)}
          >
            <X size={15} aria-hidden />
          </button>
        </li>
      ))}
    </ul>
  );
}

function DraftPicture({ file: { content, name } }: { file: OutgoingFile }) {
  return (
    <img
      src={useObjectUrl(content)}
      alt={`To be sent: ${name}`}
      title={name}
      className="h-24 max-w-48 min-w-16 rounded-xl border border-line bg-mat object-cover"
    />
  );
}

function DraftFile({ file: { content, name } }: { file: OutgoingFile }) {
  return (
    <div className="flex h-24 w-48 max-w-full flex-col justify-between rounded-xl border border-line bg-canvas p-3">
      <FileIcon name={name} size={22} />
      <div>
        <p className="truncate text-sm font-medium" title={name}>
          {name}
        </p>
        <p className="text-xs text-ink-faint">{sizeInWords(content.size)}</p>
      </div>
    </div>
  );
}
