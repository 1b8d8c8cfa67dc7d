import type { ReactNode } from 'react';

export interface MessagePageProps {
  icon: ReactNode;
  title: string;
  children?: ReactNode;
}

/** A few calm words in the middle of an area that has nothing else to show. */
export function MessagePage({ icon, title, children }: MessagePageProps) {
  return (
    <div className="grid h-full grid-cols-[minmax(0,1fr)] place-items-center overflow-y-auto p-8 text-center">
      <div className="max-w-sm">
        <span className="mx-auto mb-4 grid size-14 place-items-center rounded-2xl bg-accent-soft text-accent">
          {icon}
        </span>
        <h2 className="text-lg font-semibold wrap-anywhere">{title}</h2>
        <div className="mt-1.5 text-balance wrap-anywhere text-ink-soft">{children}</div>
      </div>
    </div>
  );
}
