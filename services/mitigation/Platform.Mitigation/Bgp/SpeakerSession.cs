using Google.Protobuf.WellKnownTypes;
using Platform.Mitigation.Bgp.Wire;

namespace Platform.Mitigation.Bgp;

/// <summary>A BGP session of a speaker with one neighbour.</summary>
/// <param name="Neighbour">Its address.</param>
/// <param name="IsEstablished">Whether it is up.</param>
/// <param name="Families">What both sides speak in it, as <c>afi/safi</c>; empty while it is down.</param>
internal sealed record SpeakerSession(string Neighbour, bool IsEstablished, IReadOnlyList<string> Families)
{
    public static SpeakerSession Read(PeerState state)
    {
        var isEstablished = state.SessionState is SessionState.Established;
        return new(state.NeighborAddress, isEstablished, isEstablished ? [.. FamiliesOf(state.LocalCap).Intersect(FamiliesOf(state.RemoteCap)).Order(StringComparer.Ordinal)] : []);
    }

    /// <summary>
    /// Whether a route of this family goes to somebody: a table alone stops no attack. A speaker without any neighbour is one by design, for who reads its
    /// table otherwise; of it there is nothing to be known.
    /// </summary>
    public static bool Reach(IReadOnlyList<SpeakerSession> sessions, SpeakerRoute route) =>
        sessions.Count == 0 || sessions.Any(session => session.Families.Contains($"{route.Family.Afi}/{route.Family.Safi}"));

    public bool Equals(SpeakerSession? other) =>
        other is not null && (Neighbour, IsEstablished) == (other.Neighbour, other.IsEstablished) && Families.SequenceEqual(other.Families);

    public override int GetHashCode() => (Neighbour, IsEstablished).GetHashCode();

    /// <summary>Who names none speaks IPv4 unicast (RFC 4760, section 8).</summary>
    private static HashSet<string> FamiliesOf(IReadOnlyCollection<Any> capabilities)
    {
        HashSet<string> named = [.. capabilities.Select(it => it.TryUnpack<MultiProtocolCapability>(out var spoken) ? $"{spoken.Family.Afi}/{spoken.Family.Safi}" : "")];
        named.Remove("");
        return named.Count == 0 ? ["1/1"] : named;
    }
}
