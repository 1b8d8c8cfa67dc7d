/** What Express alone does: a constant JSON text, of as many bytes as the query says. */
import express from 'express';

const app = express();
app.set('etag', false);
const texts = new Map<number, string>();

app.get('/constant', (req, res) => {
  const bytes = Number(req.query.bytes);
  const text = texts.get(bytes) ?? JSON.stringify('x'.repeat(Math.max(0, bytes - 2)));
  texts.set(bytes, text);
  res.type('application/json').send(text);
});

const server = app.listen(0, '127.0.0.1', () => {
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  console.log(`http://127.0.0.1:${port}`);
});
process.on('SIGTERM', () => {
  server.close();
  server.closeAllConnections();
});
