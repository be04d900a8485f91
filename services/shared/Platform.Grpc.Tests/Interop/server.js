// A Conversation that our client calls. node server.js PORT FOLDER_OF_PROTOS
'use strict';

const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');

const [port, folder] = process.argv.slice(2);
const definition = loader.loadSync('conversation.proto', { includeDirs: [folder], defaults: true });
const { Conversation } = grpc.loadPackageDefinition(definition).platform.grpc.tests;

const refusal = () => {
  const metadata = new grpc.Metadata();
  metadata.add('platform-code', 'no-contract');
  metadata.add('platform-bin', Buffer.from([0, 255, 10]));
  return { code: grpc.status.FAILED_PRECONDITION, details: '契約がありません 100%', metadata };
};

const methods = {
  say(call, answer) {
    const { text } = call.request;
    if (text === 'refused') {
      answer(refusal());
    } else if (text === 'metadata') {
      const headers = new grpc.Metadata();
      headers.add('x-bytes-bin', call.metadata.get('x-bytes-bin')[0]);
      call.sendMetadata(headers);
      const trailers = new grpc.Metadata();
      trailers.add('platform-code', 'in-trailers');
      answer(null, { text: call.metadata.get('x-text')[0], count: call.getDeadline() > Date.now() ? 1 : 0 }, trailers);
    } else if (text !== 'endless') {
      answer(null, call.request);
    }
  },
  collect(call, answer) {
    const texts = [];
    call.on('data', (line) => {
      texts.push(line.text);
      if (line.text === 'enough') {
        answer(refusal());
      }
    });
    call.on('end', () => answer(null, { text: texts.join(' ') }));
  },
  recite(call) {
    for (let count = 0; count < call.request.count; count++) {
      call.write({ text: call.request.text, count });
    }
    if (call.request.text === 'refused') {
      call.emit('error', refusal());
    } else if (call.request.text !== 'endless') {
      call.end();
    }
  },
  converse(call) {
    call.on('data', (line) => call.write(line));
    call.on('end', () => call.end());
  },
};

const server = new grpc.Server({ 'grpc.default_compression_algorithm': 2 }); // gzip, when the client accepts it
server.addService(Conversation.service, methods);
server.bindAsync(`127.0.0.1:${port}`, grpc.ServerCredentials.createInsecure(), (error) => {
  if (error) {
    throw error;
  }
});
