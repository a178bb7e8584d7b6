namespace VectorSearch;

/// <summary>A way to compute the dot product of two vectors.</summary>
internal delegate float Product(ReadOnlySpan<float> left, ReadOnlySpan<float> right);
