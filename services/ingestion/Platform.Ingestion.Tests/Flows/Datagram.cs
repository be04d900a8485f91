using System.Buffers.Binary;
using System.Net;

namespace Platform.Ingestion.Tests.Flows;

/// <summary>Builds datagrams by hand, number by number in network order, so that a test shows the bytes that it is about.</summary>
internal sealed class Datagram
{
    private readonly List<byte> _bytes = [];

    public int Length => _bytes.Count;

    public static implicit operator byte[](Datagram datagram) => [.. datagram._bytes];

    public Datagram U8(params int[] values) => Each(values, value => _bytes.Add((byte)value));

    public Datagram U16(params int[] values) => Each(values, value => _bytes.AddRange([(byte)(value >> 8), (byte)value]));

    public Datagram U32(params long[] values) => Each(values, value => Number((ulong)value, 4));

    public Datagram U64(params ulong[] values) => Each(values, value => Number(value, 8));

    public Datagram Number(ulong value, int length)
    {
        Span<byte> whole = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64BigEndian(whole, value);
        _bytes.AddRange(whole[(8 - length)..]);
        return this;
    }

    public Datagram Address(params string[] addresses) =>
        Each(addresses, address => _bytes.AddRange(IPAddress.Parse(address).GetAddressBytes()));

    public Datagram Bytes(params byte[] bytes)
    {
        _bytes.AddRange(bytes);
        return this;
    }

    /// <summary>NetFlow v9 header, exported at second 1,700,000,000 of Unix time, 100,000 ms after the start of the exporter.</summary>
    public static Datagram NetFlow9(uint sourceId = 7, uint sequence = 1, int count = 1) =>
        new Datagram().U16(9, count).U32(100_000, 1_700_000_000, sequence, sourceId);

    /// <summary>Adds a set (flow set) with its length.</summary>
    public Datagram Set(int id, Action<Datagram> fill)
    {
        var content = new Datagram();
        fill(content);
        return U16(id, content.Length + 4).Bytes(content);
    }

    /// <summary>An IPFIX message, exported at second 1,700,000,000.</summary>
    public static Datagram Ipfix(Action<Datagram> sets, uint domain = 7, uint sequence = 1)
    {
        var content = new Datagram();
        sets(content);
        return new Datagram().U16(10, content.Length + 16).U32(1_700_000_000, sequence, domain).Bytes(content);
    }

    /// <summary>A template: id, then pairs of element and length.</summary>
    public Datagram Template(int id, params (int Element, int Length)[] fields)
    {
        U16(id, fields.Length);
        return Each(fields, field => U16(field.Element, field.Length));
    }

    private Datagram Each<T>(T[] values, Action<T> add)
    {
        Array.ForEach(values, add);
        return this;
    }
}
