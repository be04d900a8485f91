using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Platform.Ingestion.Flows;

/// <summary>
/// The flow sample that nearly every agent sends nearly always: an untagged Ethernet frame with an IPv4 packet that is whole and has no options, beside it at
/// most what the switch and the router said of it. Read straight into a flow, where <see cref="Sflow5"/> reads anything; both give the same.
/// </summary>
internal static class SflowPlainSample
{
    private const int SampleHeader = 32;
    private const int RecordHeader = 8;
    private const int RawHeader = 16;

    // Ethernet, IPv4 without options, TCP up to its flags.
    private const int LeastFrame = 14 + 20 + 14;
    private const uint MostFrame = 65_535 + 14;
    private const uint EthernetFrame = 1;
    private const ushort IPv4 = 0x0800;
    private const byte VersionFourWithoutOptions = 0x45;

    /// <param name="sample">A flow sample (format 1) behind its kind and length.</param>
    /// <param name="flow">What the sample says of it is filled in; fields of the datagram, the rate's source and AS numbers (0) are left.</param>
    /// <returns>False: it is another one, to be read the general way; the flow may be half filled.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryRead(ReadOnlySpan<byte> sample, ref FlowRecord flow)
    {
        if (sample.Length < SampleHeader + RecordHeader + RawHeader + LeastFrame)
        {
            return false;
        }

        ref var bytes = ref MemoryMarshal.GetReference(sample);
        var record = SampleHeader;
        if (U32(ref bytes, 28) != 1 || U32(ref bytes, record) != 1)
        {
            record = FindFrame(sample);
        }

        // In bounds: the frame is as long as its record says, and that ends inside the sample.
        if (record == 0 || U32(ref bytes, record + 4) > (uint)(sample.Length - record - RecordHeader) || U32(ref bytes, record + 4) < RawHeader + LeastFrame)
        {
            return false;
        }

        ref var raw = ref Unsafe.Add(ref bytes, record + RecordHeader);
        ref var packet = ref Unsafe.Add(ref raw, RawHeader + 14);
        var protocol = Unsafe.Add(ref packet, 9);
        if (U32(ref raw, 0) != EthernetFrame
            || U32(ref raw, 12) < LeastFrame
            || U16(ref raw, RawHeader + 12) != IPv4
            || packet != VersionFourWithoutOptions
            || (U16(ref packet, 6) & 0x3FFF) != 0
            || protocol is not (6 or 17))
        {
            return false;
        }

        // A length that cannot be: the general way says which is used instead, and counts it.
        var frameLength = U32(ref raw, 4);
        var least = U16(ref packet, 2) + 14u;
        if (frameLength < least || frameLength > MostFrame)
        {
            return false;
        }

        flow.Source = HostAddress.FromV4(U32(ref packet, 12));
        flow.Destination = HostAddress.FromV4(U32(ref packet, 16));
        flow.SourcePort = U16(ref packet, 20);
        flow.DestinationPort = U16(ref packet, 22);
        flow.Protocol = protocol;
        flow.TcpFlags = protocol == 6 ? Unsafe.Add(ref packet, 33) : (byte)0;
        flow.Bytes = frameLength;
        flow.SamplingRate = U32(ref bytes, 8);
        flow.InInterface = SflowInterface.IndexOf(U32(ref bytes, 20));
        flow.OutInterface = SflowInterface.IndexOf(U32(ref bytes, 24));
        return true;
    }

    // Position of the only raw header (1) among records of switch (1001) and router (1002); 0 when there is anything else.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static int FindFrame(ReadOnlySpan<byte> sample)
    {
        var found = 0;
        var position = SampleHeader;
        for (var records = BinaryPrimitives.ReadUInt32BigEndian(sample[28..]); records > 0; records--)
        {
            if (sample.Length - position < RecordHeader)
            {
                return 0;
            }

            var kind = BinaryPrimitives.ReadUInt32BigEndian(sample[position..]);
            var length = BinaryPrimitives.ReadUInt32BigEndian(sample[(position + 4)..]);
            if (length > sample.Length - position - RecordHeader || kind is not (1 or 1001 or 1002) || (kind == 1 && found != 0))
            {
                return 0;
            }

            found = kind == 1 ? position : found;
            position += RecordHeader + SflowRecords.WithPadding((int)length);
        }

        return found;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint U32(ref byte bytes, int at) => BinaryPrimitives.ReverseEndianness(Unsafe.ReadUnaligned<uint>(ref Unsafe.Add(ref bytes, at)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ushort U16(ref byte bytes, int at) => BinaryPrimitives.ReverseEndianness(Unsafe.ReadUnaligned<ushort>(ref Unsafe.Add(ref bytes, at)));
}
