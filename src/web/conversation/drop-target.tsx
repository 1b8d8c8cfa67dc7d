import { Paperclip } from 'lucide-react';
import { type DragEvent, type ReactNode, useState } from 'react';
import { carriesFiles } from '../browser/stray-files.ts';
import { useAddFiles } from './draft.ts';

/** The whole conversation takes files that are dropped onto it. */
export function DropTarget({
  conversationId,
  children,
}: {
  conversationId: string;
  children: ReactNode;
}) {
  const add = useAddFiles(conversationId);
  const [isOver, setIsOver] = useState(false);
  // A dialog over the conversation is not in it, though its events come here, too.
  const takes = ({ dataTransfer, currentTarget, target }: DragEvent) =>
    carriesFiles(dataTransfer) && target instanceof Node && currentTarget.contains(target);
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: the keyboard's way is the button for files
    <div
      className="relative flex h-full flex-col"
      onDragOver={(event) => {
        if (!takes(event)) return;
        event.preventDefault();
        setIsOver(true);
      }}
      onDragLeave={(event) => {
        const to = event.relatedTarget;
        if (!(to instanceof Node) || !event.currentTarget.contains(to)) setIsOver(false);
      }}
      onDrop={(event) => {
        if (!takes(event)) return;
        event.preventDefault();
        setIsOver(false);
        void add([...event.dataTransfer.files]);
      }}
    >
      {children}
      {isOver && (
        <div className="pointer-events-none absolute inset-3 z-10 grid place-items-center rounded-2xl border-2 border-dashed border-accent bg-accent-soft/80 text-accent backdrop-blur-sm">
          <p className="flex items-center gap-2.5 text-lg font-medium">
            <Paperclip aria-hidden /> Drop files here
          </p>
        </div>
      )}
    </div>
  );
}
