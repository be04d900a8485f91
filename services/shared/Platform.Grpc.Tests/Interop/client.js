// Calls our server the way the argument says and prints what it saw as one line of JSON.
// node client.js HOST:PORT SCENARIO FOLDER_OF_PROTOS...
'use strict';

const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');

const [address, scenario, ...folders] = process.argv.slice(2);
const options = { includeDirs: folders, enums: String, defaults: true };
const packages = grpc.loadPackageDefinition(loader.loadSync(['conversation.proto', 'health.proto'], options));
const compression = scenario === 'compressed' ? { 'grpc.default_compression_algorithm': 2 } : {};
const credentials = grpc.credentials.createInsecure();
const client = new packages.platform.grpc.tests.Conversation(address, credentials, compression);

const seen = { texts: [] };
const print = () => process.stdout.write(JSON.stringify(seen), () => process.exit(0));
const failed = (error) => {
  seen.code = error.code;
  seen.details = error.details;
  seen.trailer = error.metadata.get('platform-code')[0];
  seen.bytes = error.metadata.get('platform-bin').map((buffer) => [...buffer])[0];
};
const single = (error, line) => {
  if (error) {
    failed(error);
  } else {
    seen.texts.push(line.text);
    seen.count = line.count;
  }
};
const watch = (stream) => stream
  .on('data', (line) => seen.texts.push(line.text ?? line.status))
  .on('error', (error) => { failed(error); print(); })
  .on('status', (status) => { seen.code = status.code; seen.trailer = status.metadata.get('platform-code')[0]; })
  .on('end', () => setImmediate(print));

const scenarios = {
  say: () => client.say({ text: 'こんにちは', count: 7 }, (e, l) => { single(e, l); print(); }),
  compressed: () => client.say({ text: 'a'.repeat(100000) }, (e, l) => { single(e, l); print(); }),
  metadata: () => {
    const metadata = new grpc.Metadata();
    metadata.add('x-text', 'plain');
    metadata.add('x-bytes-bin', Buffer.from([0, 1, 254, 255]));
    metadata.add('x-bytes-bin', Buffer.from([9]));
    const call = client.say({ text: 'metadata' }, metadata, (e, l) => { single(e, l); });
    call.on('metadata', (headers) => { seen.header = headers.get('x-text')[0]; seen.bytes = headers.get('x-bytes-bin').map((b) => [...b]).flat(); });
    call.on('status', (status) => { seen.trailer = status.metadata.get('platform-code')[0]; setImmediate(print); });
  },
  refused: () => client.say({ text: 'refused' }, (e, l) => { single(e, l); print(); }),
  broken: () => client.say({ text: 'broken' }, (e, l) => { single(e, l); print(); }),
  deadline: () => client.say({ text: 'endless' }, { deadline: Date.now() + 300 }, (e, l) => { single(e, l); print(); }),
  cancelled: () => {
    const call = client.recite({ text: 'endless' });
    watch(call);
    call.once('data', () => call.cancel());
  },
  recite: () => watch(client.recite({ text: 'verse', count: 3 })),
  collect: () => {
    const call = client.collect((e, l) => { single(e, l); print(); });
    ['one', 'two', 'three'].forEach((text) => call.write({ text }));
    call.end();
  },
  converse: () => {
    const call = client.converse();
    watch(call);
    let sent = 0;
    call.on('data', () => (++sent < 3 ? call.write({ text: `line ${sent}` }) : call.end()));
    call.write({ text: 'line 0' });
  },
  health: () => new packages.grpc.health.v1.Health(address, credentials).check({}, (error, answer) => {
    seen.texts.push(error ? error.details : answer.status);
    print();
  }),
  missing: () => client.makeUnaryRequest('/no.such/Service', (b) => b, (b) => b, Buffer.alloc(0), (e) => { failed(e); print(); }),
};

scenarios[scenario]();
