namespace Platform.Contracts.Detection.V1;

/// <summary>A part of the traffic towards a target. Part of a fact, no fact itself. Since release 2.</summary>
public sealed record TrafficShare
{
    /// <summary>An address, a port, a packet length in bytes or a protocol number, by the list that it is in.</summary>
    public required string Value { get; init; }

    /// <summary>Its part of the packets, 0 to 1; an estimate that may be up to 1/32 too large.</summary>
    public required double Share { get; init; }
}
