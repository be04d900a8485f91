using Platform.Ingestion.Flows;

namespace Platform.Ingestion.Captures;

/// <summary>One UDP datagram out of a capture.</summary>
/// <param name="CapturedMs">When it was captured (Unix milliseconds).</param>
/// <param name="Source">Who sent it: the exporter.</param>
/// <param name="DestinationPort">UDP port it went to; 0 for a file that is a bare datagram.</param>
/// <param name="Payload">Valid until the next one is read.</param>
internal readonly record struct CapturedDatagram(
    long CapturedMs, HostAddress Source, ushort DestinationPort, ReadOnlyMemory<byte> Payload);
