using System.Net;
using System.Net.Sockets;
using Platform.EventStore;
using static Platform.Ingestion.Exporters.ExporterRejections;

namespace Platform.Ingestion.Exporters;

/// <param name="ExporterId">Identity to give when the address is new.</param>
/// <param name="ExpectedProtocol">One of <see cref="ExporterDecider.Protocols"/>; null: any.</param>
public sealed record RegisterExporter(
    Guid ExporterId, string Address, string Name, uint SamplingRate, string? ExpectedProtocol, DateTimeOffset At);

public sealed record RemoveExporter(DateTimeOffset At);

/// <param name="LastSeenAt">Last datagram that any replica saw.</param>
public sealed record NoteSilence(DateTimeOffset LastSeenAt, DateTimeOffset At);

/// <param name="SeenAt">When its datagram came.</param>
public sealed record NoteReturn(DateTimeOffset SeenAt);

/// <param name="Condition">As the fact names it.</param>
/// <param name="Detail">In words, with the figures.</param>
/// <param name="DetailJa">The same in Japanese.</param>
public sealed record NoteCondition(string Condition, string Detail, DateTimeOffset At, string? DetailJa = null);

/// <summary>The rules of an exporter. Pure: time and identity arrive with the command.</summary>
public static class ExporterDecider
{
    private const int LongestName = 100;

    /// <summary>Names of the protocols that an exporter can be expected to speak.</summary>
    public static IReadOnlyList<string> Protocols { get; } = ["netflow5", "netflow9", "ipfix", "sflow5"];

    public static Decision<ExporterEvent> Decide(ExporterState current, RegisterExporter command)
    {
        if (command.Name.Trim().Length is 0 or > LongestName)
        {
            return NameInvalid(LongestName);
        }

        if (!IsUnicast(command.Address))
        {
            return AddressInvalid(command.Address);
        }

        if (command.ExpectedProtocol is { } protocol && !Protocols.Contains(protocol))
        {
            return ProtocolInvalid(protocol, Protocols);
        }

        if (!current.IsRegistered)
        {
            return new ExporterRegistered(
                command.ExporterId, command.Address, command.Name, command.SamplingRate, command.At, command.ExpectedProtocol);
        }

        return (current.Name, current.SamplingRate, current.ExpectedProtocol) == (command.Name, command.SamplingRate, command.ExpectedProtocol)
            ? Decision<ExporterEvent>.Unchanged
            : new ExporterChanged(current.ExporterId, command.Name, command.SamplingRate, command.At, command.ExpectedProtocol);
    }

    public static Decision<ExporterEvent> Decide(ExporterState current, RemoveExporter command) =>
        current.IsRegistered ? new ExporterRemoved(current.ExporterId, current.Address, command.At) : Unknown;

    public static Decision<ExporterEvent> Decide(ExporterState current, NoteSilence command)
    {
        if (!current.IsRegistered)
        {
            return Unknown;
        }

        // Heard again after it was found silent, or never heard: there is no silence to speak of.
        return current.Presence is ExporterPresence.Heard && command.At >= current.Since
            ? new ExporterFellSilent(current.ExporterId, current.Address, command.LastSeenAt, command.At)
            : Decision<ExporterEvent>.Unchanged;
    }

    public static Decision<ExporterEvent> Decide(ExporterState current, NoteReturn command)
    {
        if (!current.IsRegistered)
        {
            return Unknown;
        }

        return current.Presence is not ExporterPresence.Heard && command.SeenAt >= current.Since
            ? new ExporterReturned(current.ExporterId, current.Address, command.SeenAt)
            : Decision<ExporterEvent>.Unchanged;
    }

    /// <summary>Another replica may have said it already.</summary>
    public static Decision<ExporterEvent> Decide(ExporterState current, NoteCondition command)
    {
        if (!current.IsRegistered)
        {
            return Unknown;
        }

        return current.Conditions.Contains(command.Condition == "sampling-changed" ? command.Detail : command.Condition)
            ? Decision<ExporterEvent>.Unchanged
            : new ExporterConditionChanged(current.ExporterId, current.Address, command.Condition, command.Detail, command.At, command.DetailJa);
    }

    private static bool IsUnicast(string text) =>
        IPAddress.TryParse(text, out var address)
        && address.ToString() == text // one way to write it, so that one device is one stream
        && !address.Equals(IPAddress.Any) && !address.Equals(IPAddress.IPv6Any) && !address.Equals(IPAddress.Broadcast)
        && !(address.AddressFamily == AddressFamily.InterNetwork ? address.GetAddressBytes()[0] >> 4 == 14 : address.IsIPv6Multicast)
        && !address.IsIPv4MappedToIPv6;
}
