/** The reference: a bare Socket.IO relay without accounts, checks or a database. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Server } from 'socket.io';

const http = createServer();
const io = new Server(http, { perMessageDeflate: false, serveClient: false });
let nextId = 1;

io.on('connection', (socket) => {
  const { userId } = socket.handshake.auth as { userId: string };
  socket.join(`user:${userId}`);
  socket.on('sendMessage', (payload: { to: string }, ack: (answer: unknown) => void) => {
    const message = { _id: String(nextId++), senderId: userId, ...payload };
    io.to(`user:${payload.to}`).emit('newMessage', message);
    ack({ ok: true, message });
  });
});
http.listen(0, '127.0.0.1', () => {
  process.stdout.write(`http://127.0.0.1:${(http.address() as AddressInfo).port}\n`);
});
