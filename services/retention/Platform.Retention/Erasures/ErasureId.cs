using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Platform.Retention.Erasures;

/// <summary>
/// Identity of an erasure: the same contract and term always lead to the same stream, however often the end is told.
/// </summary>
internal static class ErasureId
{
    /// <summary>UUID version 8 (RFC 9562, section 5.8) from a hash of contract and term.</summary>
    public static Guid For(Guid contractId, int monthsAfterTermination)
    {
        Span<byte> name = stackalloc byte[20];
        contractId.TryWriteBytes(name, bigEndian: true, out _);
        BinaryPrimitives.WriteInt32BigEndian(name[16..], monthsAfterTermination);
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(name, hash);
        hash[6] = (byte)((hash[6] & 0x0F) | 0x80); // version 8
        hash[8] = (byte)((hash[8] & 0x3F) | 0x80); // variant of RFC 9562
        return new Guid(hash[..16], bigEndian: true);
    }
}
