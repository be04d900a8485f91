using System.Collections.Immutable;
using System.ComponentModel.DataAnnotations;
using System.Net;
using System.Net.Sockets;
using Platform.Mitigation.Capacity;
using Platform.Mitigation.Mitigations;

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
    /// touched; two installations on one speaker need different ones, and it is changed only while nothing stands. 1 to 4294967295; default 1347174740 ("PLAT").
    /// </summary>
    [Range(1L, uint.MaxValue, ErrorMessage = "must be 1 to 4294967295.")]
    public long PathIdentifier { get; init; } = 0x504C4154;

    /// <summary>Route target <c>asn:number</c> of the VRF that FlowSpec redirects into; unset: no redirects.</summary>
    [RegularExpression("[0-9]{1,5}:[0-9]{1,10}", ErrorMessage = "must be asn:number, for example 64500:100.")]
    public string? RedirectTo { get; init; }

    /// <summary>Everybody who can hold this countermeasure: it is gone when all of them were read without it.</summary>
    internal ImmutableHashSet<string> HoldersOf(CountermeasureSpec spec)
    {
        if (spec.Kind is CountermeasureKind.Scrubbing)
        {
            return []; // the scrubbers' matter
        }

        ImmutableHashSet<string> holders = [.. Speakers.Where(speaker => speaker.Carries(spec)).Select(speaker => speaker.Name)];
        return holders.Count > 0 ? holders : [Speakers[0].Name]; // nobody any more, by a change of settings: somebody has to say so
    }

    /// <summary>Whether for each of these prefixes some speaker can divert.</summary>
    internal bool CanDivert(IReadOnlyList<IPNetwork> prefixes) =>
        prefixes.All(prefix => Speakers.Any(speaker => speaker.DiversionNextHopFor(prefix) is not null));

    /// <summary>What the network can do for this target now.</summary>
    /// <param name="scrubberIsThere">Whether an agent was heard a moment ago.</param>
    /// <param name="place">Where among the scrubbers there is room for the contract.</param>
    /// <param name="isAway">Whether the pool has agents, and none of them is there.</param>
    /// <param name="isUnheard">Whether that may be only because they had no time yet to be heard.</param>
    /// <param name="synProxy">Whether the scrubbers can answer for the victim.</param>
    /// <param name="returned">Which addresses cleaned traffic has a way back for.</param>
    internal NetworkMeans MeansFor(bool scrubberIsThere, PlaceInPools place, bool isAway, bool isUnheard, bool synProxy, Families returned) => new(
        Speakers.Any(speaker => speaker.FlowSpec),
        scrubberIsThere && place.HasRoom,
        RedirectTo,
        place.Pool,
        synProxy,
        (Speakers.Any(speaker => speaker.DiversionNextHopIPv4 is not null) ? Families.IPv4 : Families.None)
            | (Speakers.Any(speaker => speaker.DiversionNextHopIPv6 is not null) ? Families.IPv6 : Families.None),
        NoRoom: !place.HasRoom,
        Returned: returned,
        ScrubbersAway: place.IsAway || (place.HasRoom && isAway),
        ScrubbersUnheard: place.HasRoom && isAway && isUnheard);

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

    /// <summary>
    /// Communities of a blackhole, as <c>asn:value</c>. Default 65535:666 65535:65281 (BLACKHOLE, and NO_EXPORT as RFC 7999, section 3.2, asks for). Where
    /// providers upstream shall discard too: those that they ask for.
    /// </summary>
    public string[] BlackholeCommunities { get; init; } = [];

    /// <summary>Whether the routers behind it take rules (RFC 8955, RFC 8956). Default false.</summary>
    public bool FlowSpec { get; init; }

    /// <summary>Communities of rules, as <c>asn:value</c>. Default none.</summary>
    public string[] FlowSpecCommunities { get; init; } = [];

    /// <summary>Next hop of IPv4 diversions: the scrubber. Unset: this speaker diverts no IPv4.</summary>
    public string? DiversionNextHopIPv4 { get; init; }

    /// <summary>Next hop of IPv6 diversions: the scrubber. Unset: this speaker diverts no IPv6.</summary>
    public string? DiversionNextHopIPv6 { get; init; }

    /// <summary>
    /// Communities of diversions, as <c>asn:value</c>. Default 65535:65281 (NO_EXPORT): a more specific route that leaves the network leads the world's
    /// traffic elsewhere. Where it shall leave: any other.
    /// </summary>
    public string[] DiversionCommunities { get; init; } = [];

    /// <summary>
    /// LOCAL_PREF of diversions (RFC 4271, section 5.1.5), which routers of the same AS go by: of two routes as long as each other, the customer's own and ours,
    /// the greater wins. Routers of another AS give theirs by the communities. 0 to 4294967295; default 1000.
    /// </summary>
    public long DiversionLocalPreference { get; init; } = 1_000;

    /// <summary>
    /// Country where it stands (ISO 3166-1, two letters). At one abroad each route says itself when it ends, and is withdrawn then whatever else is away.
    /// Default JP.
    /// </summary>
    public string Location { get; init; } = HomeCountry.Code;

    internal bool IsAbroad => Location != HomeCountry.Code;

    public override string ToString() => $"{Name} ({Address})";

    /// <summary>Whether this speaker has a part in this countermeasure.</summary>
    internal bool Carries(CountermeasureSpec spec) => spec.Kind switch
    {
        CountermeasureKind.Blackhole => true,
        CountermeasureKind.FlowSpec => FlowSpec,
        CountermeasureKind.Diversion => DiversionNextHopFor(spec.Prefix) is not null,
        _ => false,
    };

    internal IPAddress? DiversionNextHopFor(IPNetwork prefix) =>
        (prefix.BaseAddress.AddressFamily is AddressFamily.InterNetwork ? DiversionNextHopIPv4 : DiversionNextHopIPv6) is { } address
            ? IPAddress.Parse(address)
            : null;

    internal IReadOnlyList<Community> Communities =>
        BlackholeCommunities.Length == 0 ? [Community.Blackhole, Community.NoExport] : [.. BlackholeCommunities.Select(Community.Parse)];

    internal IReadOnlyList<Community> CommunitiesOfDiversions =>
        DiversionCommunities.Length == 0 ? [Community.NoExport] : [.. DiversionCommunities.Select(Community.Parse)];

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

        if (!PrefixText.IsAddress(NextHopIPv4, AddressFamily.InterNetwork))
        {
            yield return (nameof(NextHopIPv4), $"= '{NextHopIPv4}': must be an IPv4 address.");
        }

        if (!PrefixText.IsAddress(NextHopIPv6, AddressFamily.InterNetworkV6))
        {
            yield return (nameof(NextHopIPv6), $"= '{NextHopIPv6}': must be an IPv6 address in its shortest form.");
        }

        if (!PrefixText.IsAddress(DiversionNextHopIPv4, AddressFamily.InterNetwork))
        {
            yield return (nameof(DiversionNextHopIPv4), $"= '{DiversionNextHopIPv4}': must be an IPv4 address.");
        }

        if (!PrefixText.IsAddress(DiversionNextHopIPv6, AddressFamily.InterNetworkV6))
        {
            yield return (nameof(DiversionNextHopIPv6), $"= '{DiversionNextHopIPv6}': must be an IPv6 address in its shortest form.");
        }

        if (DiversionLocalPreference is < 0 or > uint.MaxValue)
        {
            yield return (nameof(DiversionLocalPreference), $"= {DiversionLocalPreference}: must be 0 to 4294967295.");
        }

        if (Location.Length != 2 || !Location.All(char.IsAsciiLetterUpper))
        {
            yield return (nameof(Location), $"= '{Location}': must be two capital letters, for example JP.");
        }

        foreach (var (member, communities) in new[]
        {
            (nameof(BlackholeCommunities), BlackholeCommunities),
            (nameof(FlowSpecCommunities), FlowSpecCommunities),
            (nameof(DiversionCommunities), DiversionCommunities),
        })
        {
            foreach (var community in communities.Where(text => !Community.TryParse(text, out _)))
            {
                yield return (member, $"= '{community}': must be two numbers of 0 to 65535, for example 65535:666.");
            }
        }
    }
}
