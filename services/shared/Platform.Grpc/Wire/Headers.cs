using System.Globalization;
using System.Text;
using Grpc.Core;

namespace Platform.Grpc.Wire;

/// <summary>The forms of gRPC's own HTTP/2 headers (PROTOCOL-HTTP2.md of the gRPC project).</summary>
internal static class Headers
{
    public const string ContentType = "application/grpc";
    public const string Encoding = "grpc-encoding";
    public const string AcceptEncoding = "grpc-accept-encoding";
    public const string AcceptedEncodings = "identity,gzip";
    public const string Timeout = "grpc-timeout";
    public const string Status = "grpc-status";
    public const string Message = "grpc-message";

    private const long MaxTimeoutValue = 99_999_999; // eight digits

    /// <summary><c>application/grpc</c>, with any message format or parameter; not <c>application/grpc-web</c>.</summary>
    public static bool IsGrpc(string? contentType) =>
        contentType is not null
        && contentType.StartsWith(ContentType, StringComparison.OrdinalIgnoreCase)
        && (contentType.Length == ContentType.Length || contentType[ContentType.Length] is '+' or ';' or ' ');

    /// <summary>Whether a header belongs to the protocol and not to the application.</summary>
    public static bool IsReserved(string key) =>
        key.StartsWith(':')
        || key is "content-type" or "te" or "host" or "content-length"
        || (key.StartsWith("grpc-", StringComparison.Ordinal) && !key.EndsWith(Metadata.BinaryHeaderSuffix, StringComparison.Ordinal));

    /// <summary>Adds the application's headers to metadata. Several binary values may share a line.</summary>
    public static void AddFromWire(this Metadata metadata, string name, string value)
    {
#pragma warning disable CA1308 // HTTP/2 header names are in lower case; .NET shows some in other spelling.
        var key = name.ToLowerInvariant();
#pragma warning restore CA1308
        if (IsReserved(key))
        {
            return;
        }

        var values = key.EndsWith(Metadata.BinaryHeaderSuffix, StringComparison.Ordinal)
            ? value.Split(',', StringSplitOptions.TrimEntries)
            : [value];
        foreach (var single in values)
        {
            metadata.Add(Metadata.Entry.FromWire(key, single));
        }
    }

    /// <summary>Percent-encodes what is not printable ASCII, and the percent sign.</summary>
    public static string EncodeMessage(string detail)
    {
        if (!detail.AsSpan().ContainsAnyExceptInRange(' ', '~') && !detail.Contains('%', StringComparison.Ordinal))
        {
            return detail;
        }

        var encoded = new StringBuilder(detail.Length * 3);
        foreach (var octet in System.Text.Encoding.UTF8.GetBytes(detail))
        {
            if (octet is >= (byte)' ' and <= (byte)'~' and not (byte)'%')
            {
                encoded.Append((char)octet);
            }
            else
            {
                encoded.Append(CultureInfo.InvariantCulture, $"%{octet:X2}");
            }
        }

        return encoded.ToString();
    }

    /// <summary>The text again; what is no percent-encoding stays as it came.</summary>
    public static string DecodeMessage(string encoded) => Uri.UnescapeDataString(encoded);

    /// <summary>A duration in the finest unit from milliseconds up that takes at most eight digits, rounded up.</summary>
    public static string EncodeTimeout(TimeSpan timeout)
    {
        foreach (var (unit, ticks) in new[] { ('m', TimeSpan.TicksPerMillisecond), ('S', TimeSpan.TicksPerSecond), ('M', TimeSpan.TicksPerMinute) })
        {
            var value = ((timeout.Ticks - 1) / ticks) + 1;
            if (value <= MaxTimeoutValue)
            {
                return string.Create(CultureInfo.InvariantCulture, $"{Math.Max(value, 0)}{unit}");
            }
        }

        return string.Create(CultureInfo.InvariantCulture, $"{Math.Min((long)timeout.TotalHours + 1, MaxTimeoutValue)}H");
    }

    /// <summary>The duration; false when the text is none.</summary>
    public static bool TryDecodeTimeout(string text, out TimeSpan timeout)
    {
        timeout = TimeSpan.Zero;
        if (text.Length is < 2 or > 9 || !long.TryParse(text.AsSpan(0, text.Length - 1), NumberStyles.None, CultureInfo.InvariantCulture, out var value))
        {
            return false;
        }

        timeout = text[^1] switch
        {
            'H' => TimeSpan.FromTicks(value * TimeSpan.TicksPerHour),
            'M' => TimeSpan.FromTicks(value * TimeSpan.TicksPerMinute),
            'S' => TimeSpan.FromTicks(value * TimeSpan.TicksPerSecond),
            'm' => TimeSpan.FromTicks(value * TimeSpan.TicksPerMillisecond),
            'u' => TimeSpan.FromTicks(value * TimeSpan.TicksPerMicrosecond),
            'n' => TimeSpan.FromTicks(value / TimeSpan.NanosecondsPerTick),
            _ => TimeSpan.MinValue,
        };
        return timeout != TimeSpan.MinValue;
    }
}
