import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MessageStore } from '../../src/web/client/message-store.ts';
import { direct, group, message, messagesFrom, numbers, other, own } from './message.ts';

function setup() {
  const store = new MessageStore(own);
  const seen = { behind: 0 };
  store.behind.listen(() => {
    seen.behind += 1;
  });
  const shown = (id = direct) => numbers(store.view(id).messages);
  return { store, seen, shown };
}

const upTo = (seq: number) => ({ seq, rev: 0, lastId: message(seq)._id });

describe('the message store', () => {
  it('shows each message once, however often it comes', () => {
    const { store, seen, shown } = setup();
    for (const seq of [1, 2, 2, 1, 3, 3]) store.receive(message(seq));
    expect(shown()).toEqual([1, 2, 3]);
    expect(seen.behind).toBe(0);
  });

  it('sets a message aside until what is missing before it has come', () => {
    const { store, seen, shown } = setup();
    store.receive(message(1));
    store.receive(message(3));
    expect(shown()).toEqual([1]);
    expect(seen.behind).toBe(1);
    store.receive(message(2));
    expect(shown()).toEqual([1, 2, 3]);
  });

  it('takes in the first message of all after the second', () => {
    const { store, seen, shown } = setup();
    for (const seq of [2, 1, 3]) store.receive(message(seq));
    expect(shown()).toEqual([1, 2, 3]);
    expect(seen.behind).toBe(0);
  });

  it('shows an own message at once, also while earlier ones are missing', () => {
    const { store, shown } = setup();
    store.receive(message(1));
    store.receive(message(4, { senderId: own }));
    expect(shown()).toEqual([1, 4]);
    for (const seq of [3, 2]) store.receive(message(seq));
    expect(shown()).toEqual([1, 2, 3, 4]);
  });

  it('joins pages of history to what is there', () => {
    const { store, shown } = setup();
    store.receive(message(80));
    store.addPage(direct, messagesFrom(30, 79), true);
    store.addPage(direct, messagesFrom(1, 29), false);
    expect(shown()).toEqual(numbers(messagesFrom(1, 80)));
    expect(store.view(direct)).toMatchObject({ atStart: true, ready: true });
  });

  it('takes a page that overlaps, and leaves one that does not join', () => {
    const { store, shown } = setup();
    store.addPage(direct, messagesFrom(10, 15), true);
    store.addPage(direct, messagesFrom(8, 17), true);
    store.addPage(direct, messagesFrom(1, 5), false);
    expect(shown()).toEqual(numbers(messagesFrom(8, 17)));
    expect(store.view(direct).atStart).toBe(false);
  });

  it('gives the same view until something changes', () => {
    const { store } = setup();
    store.receive(message(1));
    const view = store.view(direct);
    store.receive(message(1, { conversationId: group }));
    expect(store.view(direct)).toBe(view);
    store.receive(message(2));
    expect(store.view(direct)).not.toBe(view);
  });

  it('asks for a sync when another message stands at a number it knows', () => {
    const { store, seen } = setup();
    store.receive(message(1));
    store.receive(message(1, { _id: 'f'.repeat(24) }));
    expect(seen.behind).toBe(1);
  });

  it('takes over what a reset brings', () => {
    const { store, shown } = setup();
    for (const one of messagesFrom(1, 9)) store.receive(one);
    const restored = message(4, { _id: 'e'.repeat(24) });
    store.applyChanges({
      conversationId: direct,
      reset: true,
      messages: [message(3), restored],
      upTo: { seq: 4, rev: 0, lastId: restored._id },
      more: false,
    });
    expect(shown()).toEqual([3, 4]);
    expect(store.positions()).toEqual({ [direct]: { seq: 4, rev: 0, lastId: restored._id } });
  });

  it('counts as unread what is newer than the reading position', () => {
    const { store } = setup();
    store.seed([{ conversationId: direct, lastMessage: message(5), readSeq: 3, rev: 0 }]);
    const unread = () => store.summaries().get(direct)?.unread;
    expect(unread()).toBe(2);
    store.noteHeads([{ conversationId: direct, ...upTo(9) }]);
    expect(unread()).toBe(6);
    store.noteRead({ conversationId: direct, userId: other, seq: 9 });
    expect(unread()).toBe(6);
    store.noteRead({ conversationId: direct, userId: own, seq: 7 });
    expect(unread()).toBe(2);
  });

  it('reads everything up to an own message', () => {
    const { store } = setup();
    for (const one of messagesFrom(1, 3)) store.receive(one);
    store.receive(message(4, { senderId: own }));
    expect(store.summaries().get(direct)?.unread).toBe(0);
  });

  it('reads up to an own message that a page brings', () => {
    const { store } = setup();
    store.seed([{ conversationId: direct, lastMessage: message(5), readSeq: 0, rev: 0 }]);
    const page = messagesFrom(1, 4).map((one) => (one.seq === 3 ? { ...one, senderId: own } : one));
    store.addPage(direct, page, false);
    expect(store.summaries().get(direct)?.unread).toBe(2);
  });

  it('is behind exactly when a head says more than it knows', () => {
    const { store, seen } = setup();
    store.receive(message(1));
    const head = { conversationId: direct, ...upTo(1) };
    store.noteHeads([head, { conversationId: group, seq: 0, rev: 0, lastId: '' }]);
    expect(seen.behind).toBe(0);
    for (const change of [{ seq: 2 }, { rev: 1 }, { lastId: 'd'.repeat(24) }]) {
      store.noteHeads([{ ...head, ...change }]);
    }
    store.noteHeads([{ ...head, conversationId: group }]);
    expect(seen.behind).toBe(4);
  });

  it('takes changes in wherever they come from, and keeps the latest', () => {
    const { store, seen } = setup();
    const texts = () => store.view(direct).messages.map(({ text }) => text);
    const edited = (seq: number, rev: number) => message(seq, { rev, text: `${seq} at ${rev}` });
    for (const one of messagesFrom(3, 5)) store.receive(one);
    const change = { conversationId: direct, more: false };
    store.applyChanges({ ...change, messages: [edited(4, 2)], upTo: { ...upTo(5), rev: 2 } });
    expect(texts()).toEqual(['Message 3', '4 at 2', 'Message 5']);
    expect(store.positions()[direct]?.rev).toBe(2);
    // An older copy of it, by a page that was read before.
    store.addPage(direct, [...messagesFrom(1, 4)], false);
    expect(texts()[3]).toBe('4 at 2');
    // A later one, by a page that was read after a change that is not known yet.
    store.addPage(direct, [message(1), edited(2, 3), message(3)], false);
    expect(texts()[1]).toBe('2 at 3');
    expect(store.positions()[direct]?.rev).toBe(2);
    // Overtaking: the change of a message comes before the message, and the message before a gap.
    store.receive(edited(7, 5));
    store.receive(message(7));
    store.receive(message(6));
    expect(texts().slice(5)).toEqual(['Message 6', '7 at 5']);
    expect(seen.behind).toBe(2);
  });

  it('knows all changes only while none of those told live is missing', () => {
    const { store, seen } = setup();
    const rev = () => store.positions()[direct]?.rev;
    for (const one of messagesFrom(3, 5)) store.receive(one);
    store.receiveChange(message(4, { rev: 1, text: 'first' }));
    store.receiveChange(message(5, { rev: 2, text: 'second' }));
    // Its own answer and the event that tells it: the same, twice.
    store.receiveChange(message(5, { rev: 2, text: 'second' }));
    expect([rev(), seen.behind]).toEqual([2, 0]);
    store.receiveChange(message(4, { rev: 4, text: 'fourth' }));
    expect([rev(), seen.behind]).toEqual([2, 1]);
    expect(store.view(direct).messages.map(({ text }) => text)).toEqual([
      'Message 3',
      'fourth',
      'second',
    ]);
    const third = message(3, { rev: 3, text: 'third' });
    const change = { conversationId: direct, more: false, upTo: { ...upTo(5), rev: 4 } };
    store.applyChanges({ ...change, messages: [third] });
    expect(rev()).toBe(4);
    // Of conversations that it does not know the lists tell.
    store.receiveChange(message(1, { conversationId: group, rev: 1 }));
    expect(store.positions()[group]).toBeUndefined();
  });

  it('remembers a change of a message whose page is on its way', () => {
    const { store } = setup();
    store.receive(message(9));
    store.receiveChange(message(4, { rev: 1, text: 'edited' }));
    // It was read before the change, and would never be told again.
    store.addPage(direct, messagesFrom(1, 8), false);
    expect(store.view(direct).messages[3]?.text).toBe('edited');
    expect(store.view(direct).messages).toHaveLength(9);
  });

  it('keeps a change that overtook its message', () => {
    const { store } = setup();
    // An empty conversation: its first message is told by a slower way than its edit.
    store.addPage(direct, [], false);
    store.receiveChange(message(1, { rev: 1, text: 'edited' }));
    store.receive(message(1));
    expect(store.view(direct).messages.map(({ text }) => text)).toEqual(['edited']);
    expect(store.positions()[direct]).toMatchObject({ seq: 1, rev: 1 });
    // And where the message itself overtook another one.
    const later = setup().store;
    later.addPage(direct, [], false);
    later.receive(message(2));
    later.receiveChange(message(2, { rev: 1, text: 'edited' }));
    later.receive(message(1));
    expect(later.view(direct).messages.map(({ text }) => text)).toEqual(['Message 1', 'edited']);
  });

  it('remembers what a sync brought of messages whose page is on its way', () => {
    const { store } = setup();
    store.receive(message(9));
    const change = { conversationId: direct, more: false, upTo: { ...upTo(9), rev: 1 } };
    store.applyChanges({ ...change, messages: [message(4, { rev: 1, text: 'edited' })] });
    store.addPage(direct, messagesFrom(1, 8), false);
    expect(store.view(direct).messages[3]?.text).toBe('edited');
  });

  it('quotes no words that were read before a change was told', () => {
    const { store } = setup();
    store.receive(message(50));
    store.receiveChange(message(4, { rev: 1, text: '', deletedAt: message(4).createdAt }));
    store.addQuoted(message(4));
    const { _id, senderId } = message(4);
    expect(store.quoted(direct, { _id, seq: 4, senderId })?.text).toBe('');
    store.forget(direct);
    expect(store.quoted(direct, { _id, seq: 4, senderId })).toBeUndefined();
  });

  it('quotes a message as it is now, loaded or not', () => {
    const { store } = setup();
    const quoted = (seq: number) => {
      const { _id, senderId } = message(seq);
      return store.quoted(direct, { _id, seq, senderId })?.text;
    };
    for (const one of messagesFrom(50, 52)) store.receive(one);
    expect([quoted(51), quoted(4)]).toEqual(['Message 51', undefined]);
    store.addQuoted(message(4));
    expect(quoted(4)).toBe('Message 4');
    store.receiveChange(message(4, { rev: 1, text: 'edited' }));
    store.addQuoted(message(4));
    expect(quoted(4)).toBe('edited');
    const change = { conversationId: direct, more: false, upTo: { ...upTo(52), rev: 2 } };
    store.applyChanges({ ...change, messages: [message(4, { rev: 2, text: 'again' })] });
    expect(quoted(4)).toBe('again');
  });

  it('knows the changes that are in the list, where it held nothing before', () => {
    const { store, seen } = setup();
    store.receive(message(1, { conversationId: group }));
    store.seed([
      { conversationId: direct, lastMessage: message(5), readSeq: 3, rev: 7 },
      {
        conversationId: group,
        lastMessage: message(1, { conversationId: group }),
        readSeq: 0,
        rev: 7,
      },
    ]);
    expect(store.positions()[direct]?.rev).toBe(7);
    // This one may have been changed between its coming and the list's.
    expect(store.positions()[group]?.rev).toBe(0);
    store.noteHeads([{ conversationId: direct, ...upTo(5), rev: 7 }]);
    expect(seen.behind).toBe(0);
  });

  it('asks about groups without messages, and not about untouched direct ones', () => {
    const { store } = setup();
    store.seed([
      { conversationId: direct, readSeq: 0, rev: 0 },
      { conversationId: group, readSeq: 0, rev: 0 },
    ]);
    expect(store.positions()).toEqual({ [group]: { seq: 0, rev: 0, lastId: '' } });
  });

  it('never shows a hole or a repetition, and a sync completes it', () => {
    const count = 12;
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: count }), { maxLength: 60 }),
        fc.integer({ min: 1, max: count }),
        (deliveries, pageStart) => {
          const { store, shown } = setup();
          for (const [index, seq] of deliveries.entries()) {
            store.receive(message(seq));
            if (index === 20) store.addPage(direct, messagesFrom(pageStart, count), pageStart > 1);
            const now = shown();
            expect(now).toEqual(now.map((_, place) => (now[0] ?? 0) + place));
          }
          const from = store.lastSeq(direct) + 1;
          store.applyChanges({
            conversationId: direct,
            messages: messagesFrom(from, count),
            upTo: upTo(count),
            more: false,
          });
          expect(shown().at(-1)).toBe(count);
        },
      ),
    );
  });
});
