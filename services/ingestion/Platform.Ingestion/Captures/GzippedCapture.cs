using System.Buffers.Binary;
using System.IO.Compression;

namespace Platform.Ingestion.Captures;

/// <summary>A gzipped file, unpacked as it is read. Says so when it ends early, which the stream below takes for an ordinary end.</summary>
/// <param name="file">Seekable, at its start.</param>
internal sealed class GzippedCapture(Stream file) : Stream
{
    private readonly GZipStream _unpacked = new(file, CompressionMode.Decompress, leaveOpen: true);
    private long _count;

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => _count;
        set => throw new NotSupportedException();
    }

    /// <exception cref="InvalidDataException">The packed data is damaged, or ends early.</exception>
    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    /// <exception cref="InvalidDataException">The packed data is damaged, or ends early.</exception>
    public override int Read(Span<byte> buffer)
    {
        var got = _unpacked.Read(buffer);
        _count += got;
        if (got == 0 && buffer.Length > 0 && LengthOfLastMember() is var last && last != (uint)_count && last > _count)
        {
            throw new InvalidDataException("the gzipped data ends early; everything before it was read");
        }

        return got;
    }

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        _unpacked.Dispose();
        file.Dispose();
        base.Dispose(disposing);
    }

    // RFC 1952 section 2.3.1: the last four bytes are the unpacked length. Of a file that was cut they are anything, and so larger in all likelihood; of several
    // members one after another they are that of the last, and so smaller.
    private long LengthOfLastMember()
    {
        Span<byte> bytes = stackalloc byte[4];
        file.Position = Math.Max(0, file.Length - bytes.Length);
        file.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
        return BinaryPrimitives.ReadUInt32LittleEndian(bytes);
    }
}
