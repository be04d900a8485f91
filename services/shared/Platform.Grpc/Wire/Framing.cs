using System.Buffers;
using System.Buffers.Binary;
using System.IO.Compression;
using System.IO.Pipelines;
using Grpc.Core;

namespace Platform.Grpc.Wire;

/// <summary>Messages on the wire: one byte that says whether compressed, four bytes of length (big endian), the message.</summary>
internal static class Framing
{
    public const int HeaderLength = 5;
    public const int DefaultMaxMessageLength = 4 * 1024 * 1024;

    /// <summary>Writes a message into a pipe without a copy on the way.</summary>
    public static void Write<T>(this PipeWriter pipe, T message, Marshaller<T> marshaller) =>
        marshaller.ContextualSerializer(message, new Writing(pipe));

    /// <summary>A message in memory of its own.</summary>
    public static ReadOnlyMemory<byte> ToFrame<T>(this Marshaller<T> marshaller, T message)
    {
        var frame = new ArrayBufferWriter<byte>();
        marshaller.ContextualSerializer(message, new Writing(frame));
        return frame.WrittenMemory;
    }

    private sealed class Writing(IBufferWriter<byte> target) : SerializationContext
    {
        private ArrayBufferWriter<byte>? _unannounced;
        private bool _announced;

        public override void SetPayloadLength(int payloadLength)
        {
            // An array is made in its final size at once; a pipe grows by segments and wants no hint.
            var hint = target is ArrayBufferWriter<byte> ? HeaderLength + payloadLength : HeaderLength;
            var header = target.GetSpan(hint);
            header[0] = 0;
            BinaryPrimitives.WriteInt32BigEndian(header[1..], payloadLength);
            target.Advance(HeaderLength);
            _announced = true;
        }

        public override IBufferWriter<byte> GetBufferWriter() => _announced ? target : _unannounced ??= new ArrayBufferWriter<byte>();

        public override void Complete(byte[] payload)
        {
            SetPayloadLength(payload.Length);
            target.Write(payload);
        }

        public override void Complete()
        {
            if (!_announced)
            {
                Complete(_unannounced?.WrittenSpan.ToArray() ?? []);
            }
        }
    }
}

/// <summary>Reads messages off a pipe and refuses what breaks the protocol, before buffering it.</summary>
/// <param name="pipe">Body of a request or response.</param>
/// <param name="marshaller">Reads a message.</param>
/// <param name="encoding">Value of <c>grpc-encoding</c>; null for none.</param>
/// <param name="maxLength">Longest message in bytes, compressed or not; null for any.</param>
internal sealed class MessageReader<T>(PipeReader pipe, Marshaller<T> marshaller, string? encoding, int? maxLength)
    where T : class
{
    /// <summary>The next message, or null after the last.</summary>
    /// <exception cref="RpcException">The peer broke the protocol or a limit.</exception>
    public async ValueTask<T?> Read(CancellationToken cancellationToken)
    {
        while (true)
        {
            var read = await pipe.ReadAsync(cancellationToken);
            var (consumed, examined) = (read.Buffer.Start, read.Buffer.End);
            try
            {
                if (TryCut(read.Buffer, out var payload, out var compressed))
                {
                    consumed = examined = payload.End;
                    return Parse(compressed ? Decompress(payload) : payload);
                }

                if (read.IsCompleted)
                {
                    return read.Buffer.IsEmpty ? null : throw Broken("The stream ended within a message.");
                }
            }
            finally
            {
                pipe.AdvanceTo(consumed, examined);
            }
        }
    }

    /// <summary>Gives the buffers back. Not while a read is under way.</summary>
    public void Complete() => pipe.Complete();

    private bool TryCut(ReadOnlySequence<byte> buffer, out ReadOnlySequence<byte> payload, out bool compressed)
    {
        (payload, compressed) = (default, false);
        if (buffer.Length < Framing.HeaderLength)
        {
            return false;
        }

        Span<byte> header = stackalloc byte[Framing.HeaderLength];
        buffer.Slice(0, Framing.HeaderLength).CopyTo(header);
        compressed = header[0] switch
        {
            0 => false,
            1 when encoding == "gzip" => true,
            1 => throw Broken("A message is marked as compressed, and grpc-encoding names no compression that is known here."),
            var other => throw Broken($"A message starts with the unknown flag {other}."),
        };
        var length = BinaryPrimitives.ReadUInt32BigEndian(header[1..]);
        if (length > (maxLength ?? int.MaxValue))
        {
            throw TooLong();
        }

        if (buffer.Length < Framing.HeaderLength + length)
        {
            return false;
        }

        payload = buffer.Slice(Framing.HeaderLength, length);
        return true;
    }

    private ReadOnlySequence<byte> Decompress(ReadOnlySequence<byte> payload)
    {
        using var gzip = new GZipStream(new MemoryStream(payload.ToArray()), CompressionMode.Decompress);
        var plain = new ArrayBufferWriter<byte>();
        try
        {
            while (gzip.Read(plain.GetSpan(4096)) is > 0 and var count)
            {
                plain.Advance(count);
                if (plain.WrittenCount > (maxLength ?? int.MaxValue))
                {
                    throw TooLong();
                }
            }
        }
        catch (InvalidDataException malformed)
        {
            throw Broken("A message is not the gzip that it claims to be.", malformed);
        }

        return new ReadOnlySequence<byte>(plain.WrittenMemory);
    }

    private T Parse(ReadOnlySequence<byte> payload)
    {
        try
        {
            return marshaller.ContextualDeserializer(new Reading(payload));
        }
        catch (Exception malformed) when (malformed is not RpcException)
        {
            throw Broken("A message could not be read.", malformed);
        }
    }

    private static RpcException Broken(string detail, Exception? reason = null) =>
        new(new Status(StatusCode.Internal, detail, reason));

    private RpcException TooLong() =>
        new(new Status(StatusCode.ResourceExhausted, $"A message is longer than {maxLength} bytes."));

    private sealed class Reading(ReadOnlySequence<byte> payload) : DeserializationContext
    {
        public override int PayloadLength => (int)payload.Length;

        public override byte[] PayloadAsNewBuffer() => payload.ToArray();

        public override ReadOnlySequence<byte> PayloadAsReadOnlySequence() => payload;
    }
}
