// The gRPC door: product.v1.ProductService.
#ifndef ORDER_SAGA_PRODUCT_SERVICE_RPC_PRODUCT_SERVICE_H_
#define ORDER_SAGA_PRODUCT_SERVICE_RPC_PRODUCT_SERVICE_H_

#include "libs/postgres/pool.h"
#include "product/v1/product_service.grpc.pb.h"

namespace product {

class ProductService : public v1::ProductService::Service {
 public:
  // Calls that change something use `writes`, the others `reads`. Both are not owned, and may be
  // one.
  ProductService(postgres::Pool& writes, postgres::Pool& reads) : writes_(writes), reads_(reads) {}

  grpc::Status CreateProduct(grpc::ServerContext*, const v1::CreateProductRequest*,
                             v1::CreateProductResponse*) override;
  grpc::Status GetProduct(grpc::ServerContext*, const v1::GetProductRequest*,
                          v1::GetProductResponse*) override;
  grpc::Status ListProducts(grpc::ServerContext*, const v1::ListProductsRequest*,
                            v1::ListProductsResponse*) override;
  grpc::Status UpdateProduct(grpc::ServerContext*, const v1::UpdateProductRequest*,
                             v1::UpdateProductResponse*) override;
  grpc::Status AdjustStock(grpc::ServerContext*, const v1::AdjustStockRequest*,
                           v1::AdjustStockResponse*) override;
  grpc::Status ListReservations(grpc::ServerContext*, const v1::ListReservationsRequest*,
                                v1::ListReservationsResponse*) override;

 private:
  postgres::Pool& writes_;
  postgres::Pool& reads_;
};

}  // namespace product

#endif  // ORDER_SAGA_PRODUCT_SERVICE_RPC_PRODUCT_SERVICE_H_
