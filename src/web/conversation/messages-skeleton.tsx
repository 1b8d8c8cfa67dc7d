const bubbles = ['w-52', 'w-72 ml-auto', 'w-40 ml-auto', 'w-64', 'w-80', 'w-48 ml-auto'];

/** Where the messages will be, while they are loading. */
export function MessagesSkeleton() {
  return (
    <div role="status" className="min-h-0 flex-1 overflow-hidden px-5">
      <span className="sr-only">Loading messages</span>
      <div className="mx-auto flex h-full max-w-3xl animate-pulse flex-col justify-end gap-3 pb-4">
        {bubbles.map((bubble) => (
          <div key={bubble} className={`h-11 max-w-[75%] rounded-2xl bg-hover ${bubble}`} />
        ))}
      </div>
    </div>
  );
}
