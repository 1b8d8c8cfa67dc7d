/** The shape of the page until its first figures are there. */
export function OperationsSkeleton() {
  return (
    <div
      role="status"
      className="mx-auto grid max-w-[110rem] grid-cols-[minmax(0,1fr)] gap-3 p-3 md:gap-4 md:p-5"
    >
      <span className="sr-only">Loading the figures</span>
      <div aria-hidden className="h-[4.75rem] animate-pulse rounded-xl bg-hover" />
      <div
        aria-hidden
        className="grid grid-cols-[repeat(auto-fill,minmax(min(100%,24rem),1fr))] gap-3 md:gap-4"
      >
        {['a', 'b', 'c', 'd', 'e', 'f'].map((name) => (
          <div key={name} className="h-56 animate-pulse rounded-xl bg-hover" />
        ))}
      </div>
    </div>
  );
}
