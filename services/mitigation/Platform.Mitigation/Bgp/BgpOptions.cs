using System.ComponentModel.DataAnnotations;
using System.Net;
using System.Net.Sockets;

namespace Platform.Mitigation.Bgp;

/// <summary>How mitigation reaches the network. Bound from the <c>Bgp</c> section.</summary>
internal sealed class BgpOptions : IValidatableObject
{
    public const string Section = "Bgp";

    /// <summary>The BGP speakers; each is made to hold every countermeasure. At least one.</summary>
    [Required, MinLength(1, ErrorMessage = "must hold at least one speaker.")]
    public SpeakerOptions[] Speakers { get; init; } = [];

    /// <summary>How long one question to a speaker may take. 100 ms to 1 minute; default 5 seconds.</summary>
    [Range(typeof(TimeSpan), "00:00:00.100", "00:01:00", ErrorMessage = "must be 00:00:00.100 to 00:01:00.")]
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>
    /// How often a speaker's table is compared when nothing changed: how soon a restart of a speaker is noticed. 100 ms to 1 minute;
    /// default 1 second.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:00.100", "00:01:00", ErrorMessage = "must be 00:00:00.100 to 00:01:00.")]
    public TimeSpan CompareInterval { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>
    /// Path identifier that marks a path as ours in a speaker's table. Whatever carries another one, such as a route added by hand, is never
    /// touched; two installations on one speaker need different ones. 1 to 4294967295; default 1347174740 ("PLAT").
    /// </summary>
    [Range(1L, uint.MaxValue, ErrorMessage = "must be 1 to 4294967295.")]
    public long PathIdentifier { get; init; } = 0x504C4154;

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        for (var i = 0; i < Speakers.Length; i++)
        {
            foreach (var (member, message) in Speakers[i].Faults())
            {
                yield return new($"{nameof(Speakers)}:{i}:{member} {message}", [nameof(Speakers)]);
            }
        }

        if (Speakers.DistinctBy(speaker => speaker.Name).Count() != Speakers.Length)
        {
            yield return new("must have different names.", [nameof(Speakers)]);
        }
    }
}

/// <summary>One BGP speaker.</summary>
internal sealed class SpeakerOptions
{
    /// <summary>Name in events, facts and metrics; 1 to 50 characters, never reused for another machine.</summary>
    public string Name { get; init; } = "";

    /// <summary>gRPC address of the speaker, for example <c>http://gobgp:50051</c>.</summary>
    public Uri? Address { get; init; }

    /// <summary>Next hop of IPv4 blackholes; the routers must discard what goes there. Default 192.0.2.1 (RFC 5737).</summary>
    public string NextHopIPv4 { get; init; } = "192.0.2.1";

    /// <summary>Next hop of IPv6 blackholes; the routers must discard what goes there. Default 100::1 (RFC 6666).</summary>
    public string NextHopIPv6 { get; init; } = "100::1";

    /// <summary>Communities of a blackhole, as <c>asn:value</c>. At least one. Default 65535:666 (BLACKHOLE, RFC 7999).</summary>
    public string[] BlackholeCommunities { get; init; } = [];

    public override string ToString() => $"{Name} ({Address})";

    internal IReadOnlyList<Community> Communities =>
        BlackholeCommunities.Length == 0 ? [Community.Blackhole] : [.. BlackholeCommunities.Select(Community.Parse)];

    internal IPAddress NextHopFor(IPNetwork prefix) =>
        IPAddress.Parse(prefix.BaseAddress.AddressFamily is AddressFamily.InterNetwork ? NextHopIPv4 : NextHopIPv6);

    internal IEnumerable<(string Member, string Message)> Faults()
    {
        if (Name.Length is 0 or > 50)
        {
            yield return (nameof(Name), $"= '{Name}': must have 1 to 50 characters.");
        }

        if (Address is not { IsAbsoluteUri: true, Scheme: "http" or "https" })
        {
            yield return (nameof(Address), $"= '{Address}': must be an http or https address, for example http://127.0.0.1:50051.");
        }

        if (!IPAddress.TryParse(NextHopIPv4, out var four) || four.AddressFamily is not AddressFamily.InterNetwork)
        {
            yield return (nameof(NextHopIPv4), $"= '{NextHopIPv4}': must be an IPv4 address.");
        }

        if (!IPAddress.TryParse(NextHopIPv6, out var six) || six.AddressFamily is not AddressFamily.InterNetworkV6)
        {
            yield return (nameof(NextHopIPv6), $"= '{NextHopIPv6}': must be an IPv6 address.");
        }

        foreach (var community in BlackholeCommunities.Where(text => !Community.TryParse(text, out _)))
        {
            yield return (nameof(BlackholeCommunities), $"= '{community}': must be two numbers of 0 to 65535, for example 65535:666.");
        }
    }
}
