using System.Security.Cryptography;
using System.Text;

namespace Platform.Mitigation.Mitigations;

/// <summary>Ids that follow from what they are about, so that a redelivered fact meets the same stream.</summary>
internal static class DerivedId
{
    /// <summary>The one mitigation of an anomaly.</summary>
    public static Guid OfMitigation(Guid anomalyId) => For(anomalyId, "mitigation");

    /// <summary>A UUID version 8 (RFC 9562, section 5.8) from a hash of parent and name.</summary>
    public static Guid For(Guid parent, string name)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData([.. parent.ToByteArray(bigEndian: true), .. Encoding.UTF8.GetBytes(name)], hash);
        hash[6] = (byte)((hash[6] & 0x0F) | 0x80);
        hash[8] = (byte)((hash[8] & 0x3F) | 0x80);
        return new Guid(hash[..16], bigEndian: true);
    }
}
