const widths = ['w-28', 'w-36', 'w-24', 'w-32', 'w-40', 'w-28', 'w-36'];

/** Where the list will be, while it is loading. */
export function ListSkeleton() {
  return (
    <div role="status" className="animate-pulse px-2">
      <span className="sr-only">Loading conversations</span>
      {widths.map((width, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the places never change
        <div key={index} className="flex items-center gap-3 px-2.5 py-2">
          <div className="size-12 rounded-full bg-hover" />
          <div className="flex-1">
            <div className={`h-3 rounded bg-hover ${width}`} />
            <div className="mt-2.5 h-2.5 w-4/5 rounded bg-hover" />
          </div>
        </div>
      ))}
    </div>
  );
}
