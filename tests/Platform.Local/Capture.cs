using System.Buffers.Binary;
using System.Text.Json;
using Platform.Testing;

namespace Platform.Local;

/// <summary>A recorded export of tests/captures: its datagrams, and what was really sent when it was recorded.</summary>
public sealed record Capture(IReadOnlyList<(TimeSpan At, byte[] Datagram)> Datagrams, CapturedAttack? Attack)
{
    public TimeSpan Duration => Datagrams[^1].At;

    /// <summary>Reads <c>NAME.pcap</c> (Ethernet, IPv4, UDP; as tcpdump writes it) and <c>NAME.json</c>.</summary>
    public static Capture Read(string name)
    {
        var facts = JsonSerializer.Deserialize<JsonElement>(File.ReadAllText(Repository.Path("tests", "captures", $"{name}.json")));
        return new(
            [.. ReadDatagrams(File.ReadAllBytes(Repository.Path("tests", "captures", $"{name}.pcap")))],
            facts.TryGetProperty("attack", out var attack) && attack.ValueKind == JsonValueKind.Object ? CapturedAttack.Of(attack) : null);
    }

    private static IEnumerable<(TimeSpan At, byte[] Datagram)> ReadDatagrams(byte[] file)
    {
        const uint microseconds = 0xa1b2c3d4;
        const int fileHeader = 24, packetHeader = 16, ethernet = 14, udp = 8;
        if (BinaryPrimitives.ReadUInt32LittleEndian(file) != microseconds)
        {
            throw new FormatException("Not a little-endian pcap file with microseconds.");
        }

        TimeSpan? first = null;
        for (var at = fileHeader; at < file.Length;)
        {
            var time = TimeSpan.FromSeconds(Number(at)) + TimeSpan.FromMicroseconds(Number(at + 4));
            var length = (int)Number(at + 8);
            var ipv4 = at + packetHeader + ethernet;
            var payload = ipv4 + ((file[ipv4] & 0xf) * 4) + udp;
            at += packetHeader + length;
            first ??= time;
            // By the UDP header's own length: a short frame carries padding.
            yield return (time - first.Value, file[payload..(payload - udp + BinaryPrimitives.ReadUInt16BigEndian(file.AsSpan(payload - 4)))]);
        }

        uint Number(int at) => BinaryPrimitives.ReadUInt32LittleEndian(file.AsSpan(at));
    }
}

/// <summary>The attack inside a capture.</summary>
/// <param name="Target">Attacked address.</param>
/// <param name="FirstDatagramAt">When the first datagram that reports it was sent, from the beginning of the capture.</param>
/// <param name="LastDatagramAt">The last one.</param>
public sealed record CapturedAttack(string Target, TimeSpan FirstDatagramAt, TimeSpan LastDatagramAt)
{
    internal static CapturedAttack Of(JsonElement facts) => new(
        facts.GetProperty("target").GetString()!,
        TimeSpan.FromSeconds(facts.GetProperty("first_attack_datagram_s").GetDouble()),
        TimeSpan.FromSeconds(facts.GetProperty("last_attack_datagram_s").GetDouble()));
}
